package dev.switchboard.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.switchboard.openai.EmbeddingRequest.Encoding;
import dev.switchboard.openai.EmbeddingRequest.PlainText;
import dev.switchboard.openai.EmbeddingRequest.Text;
import dev.switchboard.openai.EmbeddingRequest.Tokens;
import java.util.ArrayList;
import java.util.List;

/** Reads what encoders are asked for. */
final class VectorReader {
  /** As OpenAI has it. */
  private static final int MOST_INPUTS = 2048;

  private static final int MOST_DIMENSIONS = 1 << 20;
  private static final int MOST_PRIORITY = 100;
  private static final int USER_CHARS = 256;

  private static final List<String> UNSUPPORTED =
      List.of(
          "truncate_prompt_tokens",
          "truncate",
          "rank_fields",
          "max_chunks_per_doc",
          "max_tokens_per_doc");

  private final JsonFields fields;
  private final RequestLimits limits;

  VectorReader(JsonFields fields, RequestLimits limits) {
    this.fields = fields;
    this.limits = limits;
    UNSUPPORTED.forEach(name -> OptionsReader.refuse(fields, name));
  }

  EmbeddingRequest embedding() {
    String model = RequestParser.model(fields);
    fields.string("user", 0, USER_CHARS);
    return new EmbeddingRequest(
        model,
        texts(fields.required("input")),
        encoding(),
        fields.optionalInteger("dimensions", 1, MOST_DIMENSIONS),
        priority());
  }

  RerankRequest rerank() {
    String model = RequestParser.model(fields);
    String query = fields.requiredString("query", 1, Integer.MAX_VALUE);
    fields.required("documents");
    List<String> documents = fields.list("documents", MOST_INPUTS, VectorReader::document);
    if (documents.isEmpty()) {
      throw JsonFields.invalid("documents", "must not be empty");
    }
    int topN = fields.integer("top_n", 1, Integer.MAX_VALUE, documents.size());
    return new RerankRequest(
        model,
        query,
        documents,
        Math.min(topN, documents.size()),
        fields.bool("return_documents", false),
        priority());
  }

  private int priority() {
    return fields.integer("priority", -MOST_PRIORITY, MOST_PRIORITY, 0);
  }

  private Encoding encoding() {
    String word = fields.string("encoding_format", 1, 16);
    if (word == null || word.equals("float")) {
      return Encoding.FLOAT;
    }
    if (word.equals("base64")) {
      return Encoding.BASE64;
    }
    throw JsonFields.invalid("encoding_format", "must be float or base64");
  }

  private List<Text> texts(JsonNode input) {
    if (input.isTextual()) {
      return List.of(plain(input, "input"));
    }
    if (!(input instanceof ArrayNode array)) {
      throw JsonFields.wrongType("input", "a string or an array", input);
    }
    if (array.isEmpty()) {
      throw JsonFields.invalid("input", "must not be empty");
    }
    if (array.get(0).isNumber()) {
      return List.of(tokens(array, "input", limits.promptTokens()));
    }
    return list(array);
  }

  /** All strings or all lists of token ids, as the first element is. */
  private List<Text> list(ArrayNode array) {
    JsonFields.array(array, "input", MOST_INPUTS);
    boolean plain = array.get(0).isTextual();
    List<Text> texts = new ArrayList<>(array.size());
    int room = limits.promptTokens();
    for (int i = 0; i < array.size(); i++) {
      String path = "input[" + i + "]";
      if (plain) {
        texts.add(plain(array.get(i), path));
      } else {
        Tokens tokens = tokens(array.get(i), path, room);
        room -= tokens.ids().length;
        texts.add(tokens);
      }
    }
    return texts;
  }

  private static Text plain(JsonNode value, String path) {
    return new PlainText(path, JsonFields.string(value, path, 1, Integer.MAX_VALUE));
  }

  private Tokens tokens(JsonNode value, String path, int room) {
    if (!(value instanceof ArrayNode array)) {
      throw JsonFields.wrongType(path, "a string or an array of token ids", value);
    }
    if (array.isEmpty()) {
      throw JsonFields.invalid(path, "must not be empty");
    }
    if (array.size() > room) {
      throw JsonFields.invalid(
          "input", "must have at most " + limits.promptTokens() + " token ids in all");
    }
    return new Tokens(path, RequestParser.ids(array, path));
  }

  /** A string, or an object with one. */
  private static String document(JsonNode value, String path) {
    if (value.isTextual()) {
      return JsonFields.string(value, path, 1, Integer.MAX_VALUE);
    }
    if (!value.isObject()) {
      throw JsonFields.wrongType(path, "a string or an object with a text", value);
    }
    return JsonFields.at(value, path).requiredString("text", 1, Integer.MAX_VALUE);
  }
}
