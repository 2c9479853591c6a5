"""The vendor accounts that campaigns are sent from."""
