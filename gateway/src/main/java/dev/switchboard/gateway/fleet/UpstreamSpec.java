package dev.switchboard.gateway.fleet;

import java.net.URI;
import java.util.List;
import java.util.Objects;

/**
 * A server that speaks the OpenAI API and that we do not run.
 *
 * @param url its base, such as {@code http://10.0.0.7:8000}, without {@code /v1}
 * @param models that it serves, by their exact names
 */
public record UpstreamSpec(URI url, List<String> models) {
  public UpstreamSpec {
    Objects.requireNonNull(url, "url is missing");
    models = List.copyOf(Objects.requireNonNull(models, "models is missing"));
    boolean http = "http".equals(url.getScheme()) || "https".equals(url.getScheme());
    if (!http || url.getHost() == null || url.getQuery() != null || url.getUserInfo() != null) {
      throw new IllegalArgumentException("url must be http(s)://host[:port][/base], not " + url);
    }
    if (models.isEmpty()) {
      throw new IllegalArgumentException("models must name at least one model");
    }
  }
}
