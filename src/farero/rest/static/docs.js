/* Starts Swagger UI on this server's own description; a file, because the page allows no inline script. */
"use strict";
fetch("/openapi.json").then((answer) => answer.json()).then((description) => {
  /* Swagger UI 4 refuses the number 3.1, but draws all that is used of it here. */
  const spec = { ...description, openapi: "3.0.3" };
  window.ui = SwaggerUIBundle({ spec, dom_id: "#docs", deepLinking: true, docExpansion: "list", defaultModelsExpandDepth: 0, validatorUrl: null });
});
