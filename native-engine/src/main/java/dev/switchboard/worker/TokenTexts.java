package dev.switchboard.worker;

import dev.switchboard.openai.TokenLogprob;
import dev.switchboard.openai.TokenLogprob.Alternative;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import dev.switchboard.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gives the engine's log-probabilities their texts.
 *
 * @param alternatives whether alternatives were asked for, beside the chosen token
 */
record TokenTexts(Tokenizer tokenizer, boolean alternatives) {

  @Nullable List<TokenLogprob> logprobs(@Nullable List<TextAssembly.PlacedToken> tokens) {
    if (tokens == null) {
      return null;
    }
    List<TokenLogprob> named = new ArrayList<>(tokens.size());
    for (TextAssembly.PlacedToken token : tokens) {
      named.add(name(token));
    }
    return named;
  }

  private TokenLogprob name(TextAssembly.PlacedToken token) {
    TokenLogprobs logprobs = token.logprobs();
    byte[] bytes = bytes(logprobs.token());
    return new TokenLogprob(
        text(bytes),
        bytes,
        logprobs.logprob(),
        alternatives ? top(logprobs) : null,
        token.offset());
  }

  private List<Alternative> top(TokenLogprobs logprobs) {
    List<Alternative> top = new ArrayList<>(logprobs.topTokens().length);
    for (int i = 0; i < logprobs.topTokens().length; i++) {
      int token = logprobs.topTokens()[i];
      if (token >= 0) {
        byte[] bytes = bytes(token);
        top.add(new Alternative(text(bytes), bytes, logprobs.topLogprobs()[i]));
      }
    }
    return top;
  }

  /** A control token has no text of its own: its name stands for it. */
  private byte[] bytes(int token) {
    return tokenizer.isControl(token)
        ? tokenizer.piece(token).getBytes(StandardCharsets.UTF_8)
        : tokenizer.bytes(token);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
