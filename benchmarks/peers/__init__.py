"""Run other SCIM servers as their documentation shows, with every optimization that their interfaces offer."""
