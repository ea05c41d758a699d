"""What the addresses of public CDNs stand for, as files of npm packages."""
