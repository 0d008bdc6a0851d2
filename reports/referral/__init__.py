"""The referral package: one confirmed cluster as a case that stands up, and nothing of victims."""
