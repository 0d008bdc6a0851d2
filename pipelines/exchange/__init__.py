"""`ringtrace exchange`: offers to other organisations, and joint clusters with theirs."""
