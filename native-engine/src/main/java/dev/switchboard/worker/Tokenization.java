package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.DetokenizeAnswer;
import dev.switchboard.openai.DetokenizeRequest;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.openai.TokenizeAnswer;
import dev.switchboard.openai.TokenizeRequest;
import dev.switchboard.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Texts to the tokens that a completion of them would compute, and tokens back to text. Immutable
 * and safe on any thread.
 */
final class Tokenization {
  private final ServedModel model;
  private final RequestParser parser;
  private final RequestPreparation preparation;
  private final int mostTokens;

  /**
   * @param mostTokens that an answer lists; it bounds the answer's size
   */
  Tokenization(
      ServedModel model, RequestParser parser, RequestPreparation preparation, int mostTokens) {
    this.model = model;
    this.parser = parser;
    this.preparation = preparation;
    this.mostTokens = mostTokens;
  }

  /**
   * The answer to a body of {@code POST /tokenize}, as JSON.
   *
   * @throws ApiException naming the field
   */
  String tokenize(byte[] body) {
    TokenizeRequest request = parser.parseTokenize(body);
    preparation.requireModel(request.model());
    int[] tokens = encode(request);
    List<String> strings = request.returnTokenStrings() ? spelled(tokens) : null;
    return new TokenizeAnswer(tokens, model.facts().context(), strings).toJson();
  }

  private int[] encode(TokenizeRequest request) {
    boolean chat = request.source() instanceof TokenizeRequest.Chat;
    int[] tokens =
        switch (request.source()) {
          case TokenizeRequest.Text(String text) -> {
            preparation.requireFitting(text, mostTokens, "prompt");
            yield preparation.encode(text, request.reading());
          }
          case TokenizeRequest.Chat(var conversation) ->
              preparation.encodeChat(conversation, mostTokens);
        };
    if (tokens.length > mostTokens) {
      String field = chat ? "messages" : "prompt";
      throw invalid(
          field, "has %d tokens: at most %d are listed".formatted(tokens.length, mostTokens));
    }
    return request.reading().addSpecial() ? preparation.begun(tokens) : tokens;
  }

  private List<String> spelled(int[] tokens) {
    return IntStream.of(tokens).mapToObj(model.tokenizer()::piece).toList();
  }

  /**
   * The answer to a body of {@code POST /detokenize}, as JSON.
   *
   * @throws ApiException naming the field
   */
  String detokenize(byte[] body) {
    DetokenizeRequest request = parser.parseDetokenize(body);
    preparation.requireModel(request.model());
    int[] tokens = request.tokens();
    int vocabulary = model.tokenizer().size();
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] >= vocabulary) {
        throw invalid(
            "tokens[" + i + "]", "is no token: the vocabulary has " + vocabulary + " tokens");
      }
    }
    return new DetokenizeAnswer(decode(tokens)).toJson();
  }

  /** Control tokens are spelled out; each text between them is decoded as a text of its own. */
  private String decode(int[] tokens) {
    Tokenizer tokenizer = model.tokenizer();
    StringBuilder text = new StringBuilder();
    int from = 0;
    for (int i = 0; i < tokens.length; i++) {
      if (tokenizer.isControl(tokens[i])) {
        text.append(tokenizer.decode(Arrays.copyOfRange(tokens, from, i)));
        text.append(tokenizer.piece(tokens[i]));
        from = i + 1;
      }
    }
    return text.append(tokenizer.decode(Arrays.copyOfRange(tokens, from, tokens.length)))
        .toString();
  }

  private static ApiException invalid(@Nullable String field, String complaint) {
    return new ApiException(ApiError.invalid(field, field + " " + complaint + "."));
  }
}
