"""Why a person is on a team, or is not."""
