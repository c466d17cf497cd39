package dev.switchboard.gateway.http;

import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.openai.AnswerShape;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.EmbeddingRequest;
import dev.switchboard.openai.GenerationOptions;
import dev.switchboard.openai.RequestParser;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What the gateway needs of a valid body; the body itself goes on as its bytes.
 *
 * @param answers that are computed at once: every choice of every prompt, or texts of which each is
 *     read for itself, as many as a worker takes of a request
 * @param priority as the body says it, the higher the sooner; 0 where it says none
 * @param promptChain hashes of the prompt's prefixes; empty where it has no use for a prefix cache
 * @param sum of its bytes, by which it is known when it comes again
 */
record ParsedRequest(
    String model,
    boolean stream,
    int answers,
    int priority,
    RequestParameters parameters,
    BodySpans spans,
    long[] promptChain,
    long sum) {

  /**
   * Reads and validates a body.
   *
   * @param salt parts the prompts of callers; null for the space that they share
   * @throws ApiException naming the field
   */
  static ParsedRequest parse(
      RequestParser parser, Endpoint endpoint, byte[] body, @Nullable String salt) {
    ParsedRequest read = read(parser, endpoint, body);
    BodySpans spans = BodySpans.of(body);
    long[] chain = endpoint.generates() ? PromptBlocks.of(body, spans, salt) : new long[0];
    CRC32C sum = new CRC32C();
    sum.update(body);
    return new ParsedRequest(
        read.model,
        read.stream,
        read.answers,
        read.priority,
        read.parameters,
        spans,
        chain,
        (sum.getValue() << Integer.SIZE) ^ body.length);
  }

  private static ParsedRequest read(RequestParser parser, Endpoint endpoint, byte[] body) {
    return switch (endpoint) {
      case CHAT -> {
        var request = parser.parseChat(body);
        yield of(request.model(), 1, request.options());
      }
      case COMPLETIONS -> {
        var request = parser.parseText(body);
        yield of(request.model(), request.prompts().size(), request.options());
      }
      case EMBEDDINGS -> {
        var request = parser.parseEmbedding(body);
        yield whole(request.model(), request.texts().size(), request.priority());
      }
      case RERANK -> {
        var request = parser.parseRerank(body);
        yield whole(request.model(), request.documents().size(), request.priority());
      }
      case TOKENIZE -> whole(parser.parseTokenize(body).model(), 1, 0);
      case DETOKENIZE -> whole(parser.parseDetokenize(body).model(), 1, 0);
    };
  }

  private static ParsedRequest whole(String model, int texts, int priority) {
    return new ParsedRequest(
        model,
        false,
        Math.min(texts, EmbeddingRequest.TEXTS_AT_ONCE),
        priority,
        RequestParameters.NONE,
        BodySpans.NONE,
        new long[0],
        0);
  }

  private static ParsedRequest of(String model, int prompts, GenerationOptions options) {
    int choices = prompts * options.n();
    RequestParameters parameters =
        new RequestParameters(
            choices,
            options.maxTokens(),
            decimal(options.temperature()),
            decimal(options.topP()),
            options.topK() == 0 ? null : options.topK(),
            options.presencePenalty() == 0 ? null : decimal(options.presencePenalty()),
            options.frequencyPenalty() == 0 ? null : decimal(options.frequencyPenalty()),
            options.seed(),
            json(options.shape()));
    return new ParsedRequest(
        model,
        options.stream(),
        choices,
        options.priority(),
        parameters,
        BodySpans.NONE,
        new long[0],
        0);
  }

  private static boolean json(@Nullable AnswerShape shape) {
    return shape != null
        && (shape.source() instanceof ConstraintSource.JsonObject
            || shape.source() instanceof ConstraintSource.JsonSchema);
  }

  /** As the client wrote it: 0.7, and not the nearest float's 0.699999988. */
  private static double decimal(float value) {
    if (value == Math.rint(value)) {
      return value;
    }
    return Double.parseDouble(Float.toString(value));
  }
}
