"""Who a campaign is sent to: recipient files, and sets of user IDs."""
