package dev.switchboard.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.constraint.ConstraintSource;
import java.util.List;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads what the answer must look like: {@code response_format}, or one of the fields that other
 * servers have for it.
 */
final class ShapeReader {
  private static final int MOST_CHARS = 1 << 20;
  private static final int MOST_CHOICES = 1024;
  private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9_-]{1,64}");

  private final JsonFields body;
  private @Nullable AnswerShape found;

  private ShapeReader(JsonFields body) {
    this.body = body;
  }

  /** Null when the answer may be anything. */
  static @Nullable AnswerShape read(JsonFields body) {
    ShapeReader reader = new ShapeReader(body);
    reader.responseFormat();
    reader.take("json_schema", ShapeReader::schema);
    reader.take("guided_json", ShapeReader::schema);
    reader.take("regex", (value, path) -> new ConstraintSource.Regex(text(value, path)));
    reader.take("guided_regex", (value, path) -> new ConstraintSource.Regex(text(value, path)));
    reader.take("grammar", (value, path) -> new ConstraintSource.Grammar(text(value, path)));
    reader.take("guided_grammar", (value, path) -> new ConstraintSource.Grammar(text(value, path)));
    reader.take("guided_choice", ShapeReader::choice);
    AnswerShape shape = reader.found;
    if (shape != null && body.bool("ignore_eos", false)) {
      throw JsonFields.invalid("ignore_eos", "cannot be combined with " + shape.field());
    }
    return shape;
  }

  private static String text(JsonNode value, String path) {
    return JsonFields.string(value, path, 1, MOST_CHARS);
  }

  private void take(String name, BiFunction<JsonNode, String, ConstraintSource> reader) {
    JsonNode value = body.get(name);
    if (value != null) {
      found(body.path(name), reader.apply(value, body.path(name)));
    }
  }

  private void found(String field, ConstraintSource source) {
    AnswerShape other = found;
    if (other != null) {
      throw JsonFields.invalid(field, "cannot be combined with " + other.field());
    }
    found = new AnswerShape(field, source);
  }

  private void responseFormat() {
    JsonFields format = body.object("response_format");
    if (format == null) {
      return;
    }
    String path = format.path("type");
    switch (format.requiredString("type", 1, 64)) {
      case "text" -> {}
      case "json_object" -> jsonObject(format);
      case "json_schema" -> namedSchema(format.requiredObject("json_schema"));
      default -> throw JsonFields.invalid(path, "must be text, json_object or json_schema");
    }
  }

  /** A schema beside it says which objects, as other servers take it. */
  private void jsonObject(JsonFields format) {
    JsonNode schema = format.get("schema");
    String path = format.path("schema");
    if (schema == null) {
      found(body.path("response_format"), new ConstraintSource.JsonObject());
    } else if (schema instanceof ObjectNode object) {
      boolean typed = object.has("type") || object.has("$ref");
      JsonNode objects = typed ? object : object.deepCopy().put("type", "object");
      found(path, new ConstraintSource.JsonSchema(objects.toString()));
    } else {
      throw JsonFields.wrongType(path, "an object", schema);
    }
  }

  /** A schema is followed strictly whether {@code strict} is set or not. */
  private void namedSchema(JsonFields format) {
    String name = format.requiredString("name", 1, 64);
    if (!NAME.matcher(name).matches()) {
      throw JsonFields.invalid(format.path("name"), "must be of letters, digits, _ and -");
    }
    format.string("description", 0, MOST_CHARS);
    format.bool("strict", true);
    String path = format.path("schema");
    found(path, schema(format.required("schema"), path));
  }

  private static ConstraintSource schema(JsonNode value, String path) {
    if (value.isTextual()) {
      return new ConstraintSource.JsonSchema(text(value, path));
    }
    if (!value.isObject() && !value.isBoolean()) {
      throw JsonFields.wrongType(path, "an object", value);
    }
    return new ConstraintSource.JsonSchema(value.toString());
  }

  private static ConstraintSource choice(JsonNode value, String path) {
    List<ConstraintSource> options =
        JsonFields.list(
            value,
            path,
            MOST_CHOICES,
            (element, place) ->
                new ConstraintSource.Text(JsonFields.string(element, place, 1, MOST_CHARS)));
    if (options.isEmpty()) {
      throw JsonFields.invalid(path, "must not be empty");
    }
    return new ConstraintSource.Choice(options);
  }
}
