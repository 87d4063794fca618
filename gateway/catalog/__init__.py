"""What there is to choose from: models, prices, deployments."""
