/* Starts Swagger UI on this server's own description; a file, because the page allows no inline script. */
window.ui = SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, docExpansion: "list", defaultModelsExpandDepth: 0, validatorUrl: null });
