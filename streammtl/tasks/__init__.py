"""What is predicted, and what is lost by a wrong prediction."""
