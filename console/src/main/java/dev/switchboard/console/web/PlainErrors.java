package dev.switchboard.console.web;

import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Says which error it is and nothing more: no stack, no name of the server. */
final class PlainErrors implements Request.Handler {
  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    int status = response.getStatus();
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/plain;charset=utf-8");
    response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
    response.getHeaders().put("Content-Security-Policy", Guard.POLICY);
    response.getHeaders().put("X-Content-Type-Options", "nosniff");
    String text = status + " " + HttpStatus.getMessage(status) + "\n";
    Content.Sink.write(response, true, text, callback);
    return true;
  }
}
