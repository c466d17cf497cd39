package dev.switchboard.openai;

import dev.switchboard.openai.EmbeddingRequest.Encoding;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer to {@code POST /v1/embeddings}.
 *
 * @param vectors one per text, in the request's order
 */
public record EmbeddingAnswer(
    String model, List<float[]> vectors, Encoding encoding, int promptTokens) {
  private static final int FLOAT_CHARS = 14;

  public EmbeddingAnswer {
    vectors = List.copyOf(vectors);
  }

  /**
   * The body.
   *
   * @param switchboardJson the {@code switchboard} object, or null
   */
  public String toJson(@Nullable String switchboardJson) {
    int floats = vectors.stream().mapToInt(vector -> vector.length).sum();
    JsonWriter json = new JsonWriter(256 + Math.min(floats, 1 << 20) * FLOAT_CHARS);
    json.raw("{\"object\":\"list\",\"data\":[");
    for (int i = 0; i < vectors.size(); i++) {
      json.raw(i == 0 ? "" : ",").raw("{\"object\":\"embedding\",\"index\":").number(i);
      json.raw(",\"embedding\":");
      write(json, vectors.get(i));
      json.raw("}");
    }
    json.raw("],\"model\":").string(model);
    writeUsage(json.raw(",\"usage\":"), promptTokens);
    return json.switchboard(switchboardJson).raw("}").toString();
  }

  static void writeUsage(JsonWriter json, int promptTokens) {
    json.raw("{\"prompt_tokens\":").number(promptTokens);
    json.raw(",\"total_tokens\":").number(promptTokens).raw("}");
  }

  private void write(JsonWriter json, float[] vector) {
    if (encoding == Encoding.BASE64) {
      ByteBuffer bytes = ByteBuffer.allocate(vector.length * Float.BYTES);
      bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(vector);
      json.raw("\"").raw(Base64.getEncoder().encodeToString(bytes.array())).raw("\"");
      return;
    }
    json.raw("[");
    for (int i = 0; i < vector.length; i++) {
      json.raw(i == 0 ? "" : ",").real(vector[i]);
    }
    json.raw("]");
  }
}
