"""What differs between the attributes of people in Cal.com and in the directory."""
