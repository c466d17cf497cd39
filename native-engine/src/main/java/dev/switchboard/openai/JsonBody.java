package dev.switchboard.openai;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Bytes to a JSON object, strictly and within limits. Its complaints say where, never what stood
 * there: an error may be logged, a prompt may not.
 */
final class JsonBody {
  private static final int DECODED_CHARS = 8192;

  private final RequestLimits limits;
  private final ObjectReader reader;

  JsonBody(RequestLimits limits) {
    this.limits = limits;
    StreamReadConstraints constraints =
        StreamReadConstraints.builder()
            .maxDocumentLength(limits.bodyBytes())
            .maxNestingDepth(limits.jsonDepth())
            .maxTokenCount(limits.jsonTokens())
            .maxStringLength(limits.stringChars())
            .maxNameLength(limits.nameChars())
            .maxNumberLength(limits.numberChars())
            .build();
    // Names come from strangers: interning or canonicalising them would let them fill a shared
    // table.
    JsonFactory factory =
        JsonFactory.builder()
            .streamReadConstraints(constraints)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build();
    this.reader =
        JsonMapper.builder(factory)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .build()
            .readerFor(JsonNode.class);
  }

  ObjectNode read(byte[] body) {
    if (body.length > limits.bodyBytes()) {
      throw new ApiException(ApiError.bodyTooLarge(limits.bodyBytes()));
    }
    requireUtf8(body);
    JsonNode root = parse(body);
    if (root instanceof ObjectNode object) {
      return object;
    }
    throw malformed(body.length == 0 ? "is empty" : "must be a JSON object");
  }

  /** A JSON object inside a string of the body; null when it is none. */
  @Nullable ObjectNode readNested(String text) {
    try {
      return reader.readTree(text) instanceof ObjectNode object ? object : null;
    } catch (JsonProcessingException notJson) {
      return null;
    }
  }

  /**
   * JSON is UTF-8. The parser would detect and accept UTF-16 and UTF-32, which hold zeros, and
   * takes overlong and other wrong sequences for characters; so the bytes from the first that is
   * not ASCII are decoded strictly first, into a buffer that is thrown away.
   */
  private static void requireUtf8(byte[] body) {
    for (int i = 0; i < Math.min(4, body.length); i++) {
      if (body[i] == 0) {
        throw malformed("must be UTF-8");
      }
    }
    int ascii = 0;
    while (ascii < body.length && body[ascii] >= 0) {
      ascii++;
    }
    if (ascii < body.length) {
      decode(body, ascii);
    }
  }

  private static void decode(byte[] body, int from) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(body, from, body.length - from);
    CharBuffer out = CharBuffer.allocate(Math.min(in.remaining() + 1, DECODED_CHARS));
    CoderResult result = decoder.decode(in, out, true);
    while (result.isOverflow()) {
      result = decoder.decode(in, out.clear(), true);
    }
    if (result.isError()) {
      throw malformed("must be UTF-8, but is not at byte " + (in.position() + 1));
    }
  }

  private JsonNode parse(byte[] body) {
    try {
      return reader.readTree(body);
    } catch (StreamConstraintsException tooMuch) {
      throw malformed("exceeds a limit" + where(tooMuch) + ": " + limitsInWords());
    } catch (JsonEOFException cut) {
      throw malformed("ends in the middle of a value" + where(cut));
    } catch (MismatchedInputException structure) {
      throw malformed(mismatch(structure) + where(structure));
    } catch (JsonProcessingException malformed) {
      throw malformed("is not valid JSON" + where(malformed));
    } catch (IOException notUtf8) {
      throw malformed("must be UTF-8");
    }
  }

  private static String mismatch(MismatchedInputException structure) {
    return structure.getOriginalMessage().startsWith("Duplicate")
        ? "names a field twice"
        : "goes on after its JSON object";
  }

  private String limitsInWords() {
    return "nesting at most %d, strings %d, names %d and numbers %d characters, %d values"
        .formatted(
            limits.jsonDepth(),
            limits.stringChars(),
            limits.nameChars(),
            limits.numberChars(),
            limits.jsonTokens());
  }

  private static String where(JsonProcessingException e) {
    JsonLocation at = e.getLocation();
    return at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
  }

  private static ApiException malformed(String complaint) {
    return new ApiException(ApiError.malformed("The request body " + complaint + "."));
  }
}
