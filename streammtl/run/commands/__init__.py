"""The commands of `streammtl`, in families. All but the command line itself is imported inside them."""
