package dev.switchboard.worker;

import dev.switchboard.constraint.Constraint;
import io.vertx.core.http.HttpServerResponse;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Tells by a header which parts of a schema say nothing, because nobody defines them. */
final class SchemaNotes {
  static final String HEADER = "X-Switchboard-Schema-Ignored";

  private static final int MOST_CHARS = 1024;

  private SchemaNotes() {}

  static void tell(HttpServerResponse response, @Nullable Constraint constraint) {
    if (constraint != null && !constraint.ignored().isEmpty()) {
      response.putHeader(HEADER, list(constraint.ignored()));
    }
  }

  /** Paths with commas between; those that are left out are said to be by three dots. */
  static String list(Iterable<String> paths) {
    StringBuilder all = new StringBuilder();
    for (String path : paths) {
      String one = visible(path);
      if (all.length() + one.length() > MOST_CHARS) {
        return all.append(all.isEmpty() ? "..." : ",...").toString();
      }
      all.append(all.isEmpty() ? "" : ",").append(one);
    }
    return all.toString();
  }

  private static String visible(String path) {
    StringBuilder text = new StringBuilder();
    path.codePoints()
        .forEach(
            c -> {
              boolean plain = c > 0x20 && c < 0x7f && c != ',' && c != '%';
              String character = Character.toString(c);
              text.append(plain ? character : URLEncoder.encode(character, StandardCharsets.UTF_8));
            });
    return text.toString().replace("+", "%20");
  }
}
