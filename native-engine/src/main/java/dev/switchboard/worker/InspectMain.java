package dev.switchboard.worker;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Tells what model files hold: one line of JSON for each path of the command line, in order. Reads
 * headers only, without the native library. A process of its own, so that no file can harm a
 * gateway that asks.
 */
public final class InspectMain {
  private InspectMain() {}

  public static void main(String[] files) {
    for (String file : files) {
      System.out.println(line(Path.of(file)));
      System.out.flush();
    }
  }

  /** What one file holds, or why a worker could not serve it. */
  static String line(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      ModelDescription model = ModelDescription.of(file);
      return Json.object(json -> facts(json, model));
    } catch (GgufException refused) {
      return problem(refused.getMessage());
    } catch (InternalError shrunk) { // how the JVM reports a fault in a mapped file
      return problem("io: it changed while it was read");
    }
  }

  private static String problem(String why) {
    return Json.object(json -> json.writeStringField("problem", why));
  }

  private static void facts(JsonGenerator json, ModelDescription model) throws IOException {
    json.writeStringField("name", model.name());
    json.writeStringField("architecture", model.architecture().word());
    json.writeNumberField("parameters", model.parameters());
    json.writeStringField("quantisation", model.quantization());
    json.writeNumberField("context", model.context());
  }
}
