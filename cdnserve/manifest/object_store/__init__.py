"""Object stores' CORS configurations (the form that S3, MinIO, R2 and Ceph share) as policies of a manifest.

Never lets more than the configuration does: what a policy can't say is told and left out.
"""
