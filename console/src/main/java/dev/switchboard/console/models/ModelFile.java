package dev.switchboard.console.models;

import dev.switchboard.console.ui.Format;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * A file that could be loaded.
 *
 * @param servable false where no worker can serve it
 */
public record ModelFile(String file, boolean servable, String about) {
  /** Of an entry of /admin/v1/model-files. */
  static ModelFile of(JsonNode f) {
    List<String> parts = new ArrayList<>();
    String problem = f.path("problem").asString("");
    parts.add(Format.bytes(f.path("bytes").asDouble(Double.NaN)));
    if (!problem.isEmpty()) {
      parts.add("cannot be served: " + problem);
    }
    add(parts, f.path("architecture").asString(""), "");
    add(parts, Format.number(f.path("parameters").asDouble(Double.NaN)), " parameters");
    add(parts, f.path("quantisation").asString(""), "");
    add(parts, Format.number(f.path("context").asDouble(Double.NaN)), " tokens of context");
    List<String> models = new ArrayList<>();
    f.path("models").forEach(m -> models.add(m.asString("")));
    if (!models.isEmpty()) {
      parts.add("served as " + String.join(", ", models));
    }
    return new ModelFile(
        f.path("file").asString(""), f.path("servable").asBoolean(true), String.join(", ", parts));
  }

  private static void add(List<String> parts, String text, String what) {
    if (!text.isEmpty() && !text.equals(Format.NONE)) {
      parts.add(text + what);
    }
  }
}
