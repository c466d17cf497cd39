package dev.switchboard.worker;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;

/**
 * Reads and writes small JSON documents with Jackson's streaming API: data binding would cost a
 * tenth of a second of the worker's start.
 */
final class Json {
  private static final JsonFactory FACTORY = new JsonFactory();

  private Json() {}

  /** Writes one document. */
  @FunctionalInterface
  interface Content {
    void write(JsonGenerator json) throws IOException;
  }

  static String write(Content content) {
    StringWriter out = new StringWriter(256);
    try (JsonGenerator json = FACTORY.createGenerator(out)) {
      content.write(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toString();
  }

  static JsonParser parser(byte[] document) throws IOException {
    return FACTORY.createParser(document);
  }

  /** Writes one object; the content adds its members. */
  static String object(Content members) {
    return write(
        json -> {
          json.writeStartObject();
          members.write(json);
          json.writeEndObject();
        });
  }
}
