"""Our own calls across deployments, a file for each noun."""
