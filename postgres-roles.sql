-- Two roles: the one that runs this owns the tables and migrates; campaigns_app works with rows, and can change no rule.
-- Run it as the owner, in the database of campaigns, as often as you like; then give campaigns_app a password.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'campaigns_app') THEN
    CREATE ROLE campaigns_app LOGIN;
  END IF;
END $$;
ALTER ROLE campaigns_app NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO campaigns_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO campaigns_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO campaigns_app;
-- What later migrations of this owner make.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO campaigns_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO campaigns_app;
