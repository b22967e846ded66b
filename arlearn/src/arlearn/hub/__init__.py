"""Models for other libraries: Hugging Face folders."""
