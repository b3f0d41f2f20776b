"""Other SCIM servers, each run as its own documentation shows it, with every shortcut that its interface offers."""
