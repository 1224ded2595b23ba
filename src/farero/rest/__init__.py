"""The HTTP face for programs: translate a request, call one App method, translate back."""
