"""The bundle of `calscim support-bundle`: what somebody needs who helps from elsewhere, without secrets or people."""
