#!/bin/sh
# Makes the files in secrets/ that docker-compose.yml hands to each service. Start it again as often as you like: what is
# there stays. Passwords that an older .env holds are taken over; take them out of it afterwards.
set -eu
cd "$(dirname -- "$0")"
umask 022 # the users inside the containers read the files; on this machine the folder keeps others out
mkdir -p secrets
chmod 700 secrets

old() {
    [ ! -f .env ] || sed -n "s/^$1=//p" .env | tail -n 1
}

keep() { # NAME TEXT: write secrets/NAME unless it is there
    [ -s "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"
}

password() { # NAME OLD_NAME
    found=$(old "$2")
    keep "$1" "${found:-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')}"
}

password postgres_password POSTGRES_PASSWORD
password postgres_app_password POSTGRES_APP_PASSWORD
password redis_password REDIS_PASSWORD
# Without TLS: nothing but these services is on their network. Elsewhere write an address that verifies the server.
server='postgres:5432/campaigns?sslmode=disable'
keep OWNER_DATABASE_URL "postgresql://campaigns:$(cat secrets/postgres_password)@$server"
keep DATABASE_URL "postgresql://campaigns_app:$(cat secrets/postgres_app_password)@$server"
keep REDIS_URL "redis://:$(cat secrets/redis_password)@redis:6379/0"
key=$(old ONLYFANSAPI_API_KEY)
[ -z "$key" ] || keep ONLYFANSAPI_API_KEY "$key"
[ -s secrets/ONLYFANSAPI_API_KEY ] || echo "Now write the vendor's key into secrets/ONLYFANSAPI_API_KEY." >&2
