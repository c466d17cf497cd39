package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.GenerationOptions;
import dev.switchboard.openai.RequestParser;

/**
 * What the gateway needs of a valid body; the body itself goes on as its bytes.
 *
 * @param choices answers in all, over every prompt
 */
record ParsedRequest(String model, boolean stream, int choices, RequestParameters parameters) {

  /**
   * Reads and validates a body.
   *
   * @throws ApiException naming the field
   */
  static ParsedRequest parse(RequestParser parser, Endpoint endpoint, byte[] body) {
    return switch (endpoint) {
      case CHAT -> {
        var request = parser.parseChat(body);
        yield of(request.model(), 1, request.options());
      }
      case COMPLETIONS -> {
        var request = parser.parseText(body);
        yield of(request.model(), request.prompts().size(), request.options());
      }
      case EMBEDDINGS -> whole(parser.parseEmbedding(body).model());
      case RERANK -> whole(parser.parseRerank(body).model());
      case TOKENIZE -> whole(parser.parseTokenize(body).model());
      case DETOKENIZE -> whole(parser.parseDetokenize(body).model());
    };
  }

  private static ParsedRequest whole(String model) {
    return new ParsedRequest(model, false, 1, RequestParameters.NONE);
  }

  private static ParsedRequest of(String model, int prompts, GenerationOptions options) {
    int choices = prompts * options.n();
    RequestParameters parameters =
        new RequestParameters(
            choices,
            options.maxTokens(),
            (double) options.temperature(),
            (double) options.topP(),
            options.seed());
    return new ParsedRequest(model, options.stream(), choices, parameters);
  }
}
