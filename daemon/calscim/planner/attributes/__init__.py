"""Compare the attributes of people in Cal.com with those in the directory."""
