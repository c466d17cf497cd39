package dev.switchboard.console.web;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpFilter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.util.Locale;
import java.util.Set;

/**
 * Stands before everything: sets the headers that browsers protect the page by, and denies paths
 * that could name one thing in two ways, Vaadin's bare folder, names of other machines, and bodies
 * that no page of the console sends.
 */
final class Guard extends HttpFilter {
  private static final long serialVersionUID = 1;

  /**
   * Vaadin 25.2 starts only with inline scripts and eval; that every cell is text is what keeps
   * others' markup out.
   */
  static final String POLICY =
      "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
          + " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
          + " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

  /** A name and a password, and what the page says beside them. */
  static final long STRANGERS_BODY_MAX = 16_384;

  /** The texts of the playground. */
  static final long BODY_MAX = 2 << 20;

  private final Set<String> hosts;
  private final String person;

  /**
   * Of the names by which it may be called, in lower case and without a port.
   *
   * @param person the attribute of a session in which somebody is signed in
   */
  Guard(Set<String> hosts, String person) {
    this.hosts = Set.copyOf(hosts);
    this.person = person;
  }

  @Override
  protected void doFilter(
      HttpServletRequest request, HttpServletResponse response, FilterChain next)
      throws IOException, ServletException {
    response.setHeader("Content-Security-Policy", POLICY);
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("X-Frame-Options", "DENY");
    response.setHeader("Referrer-Policy", "no-referrer");
    response.setHeader("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
    int denied = denied(request);
    if (denied == 0) {
      next.doFilter(request, response);
    } else {
      deny(response, denied);
    }
  }

  private int denied(HttpServletRequest request) {
    if (!hosts.contains(request.getServerName().toLowerCase(Locale.ROOT))) {
      return 421;
    }
    int path = denied(request.getRequestURI());
    return path == 0 ? deniedBody(request) : path;
  }

  /** What reads a body keeps all of it, and what a page's field has. */
  private int deniedBody(HttpServletRequest request) {
    HttpSession session = request.getSession(false);
    boolean stranger = session == null || session.getAttribute(person) == null;
    boolean chunked = request.getHeader("Transfer-Encoding") != null;
    return deniedBody(chunked, request.getContentLengthLong(), stranger);
  }

  /** The status that denies a body, 0 for one that may pass. */
  static int deniedBody(boolean chunked, long length, boolean stranger) {
    if (chunked) {
      return 411;
    }
    return length > (stranger ? STRANGERS_BODY_MAX : BODY_MAX) ? 413 : 0;
  }

  /** The status that denies a raw path, 0 for one that may pass. */
  static int denied(String uri) {
    String path = uri.toLowerCase(Locale.ROOT);
    if (path.contains(";") || path.contains("//") || path.contains("\\") || path.contains("%2f")) {
      return 400;
    }
    boolean bare = path.equals("/vaadin") || path.equals("/vaadin/");
    return bare ? 404 : 0;
  }

  private static void deny(HttpServletResponse response, int status) throws IOException {
    response.setStatus(status);
    response.setContentType("text/plain;charset=utf-8");
    response
        .getWriter()
        .println(
            switch (status) {
              case 421 -> "called by a name that is not of this console; see --host";
              case 411 -> "the length of the body is not told";
              case 413 -> "the body is too long";
              case 404 -> "not found";
              default -> "the path is not allowed";
            });
  }
}
