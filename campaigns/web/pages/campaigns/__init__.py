"""Campaigns: the list, one campaign, the form, the plan, the launch, and what a person does to a campaign."""
