package dev.switchboard.console.web;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;

/** The mark, for browsers that ask for /favicon.ico. */
final class Favicon extends HttpServlet {
  private static final long serialVersionUID = 1;

  @Override
  protected void doGet(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    response.setContentType("image/svg+xml");
    response.setHeader("Cache-Control", "public, max-age=86400");
    try (InputStream mark =
        Objects.requireNonNull(
            Favicon.class.getResourceAsStream("/META-INF/resources/favicon.svg"))) {
      mark.transferTo(response.getOutputStream());
    }
  }
}
