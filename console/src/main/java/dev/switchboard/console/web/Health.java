package dev.switchboard.console.web;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.function.BooleanSupplier;

/** Whether it lives or is ready; needs no session and tells nothing of gateways. */
final class Health extends HttpServlet {
  private static final long serialVersionUID = 1;

  private final transient BooleanSupplier well;
  private final String word;

  Health(String word, BooleanSupplier well) {
    this.word = word;
    this.well = well;
  }

  @Override
  protected void doGet(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    boolean is = well.getAsBoolean();
    response.setStatus(is ? 200 : 503);
    response.setContentType("application/json");
    response.setHeader("Cache-Control", "no-store");
    response.getWriter().println("{\"status\":\"" + (is ? word : "stopping") + "\"}");
  }
}
