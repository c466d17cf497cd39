package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.openai.AnswerShape;
import dev.switchboard.openai.GenerationOptions;
import dev.switchboard.openai.RequestLimits;
import dev.switchboard.openai.RequestParser;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class PreparedRequestTest {
  private static final String BODY =
      "{\"model\":\"m\",\"prompt\":\"x\",\"response_format\":{\"type\":\"json_object\"}}";

  /** It may be a megabyte, and the request waits and runs for long. */
  @Test
  void aShapeThatIsCompiledIsNotKeptAsTextToo() {
    GenerationOptions options =
        new RequestParser(RequestLimits.DEFAULT)
            .parseText(BODY.getBytes(StandardCharsets.UTF_8))
            .options();
    AnswerShape shape = options.shape();
    assertNotNull(shape);
    PreparedRequest prepared =
        PreparedRequest.of(
            PreparedRequest.Api.TEXT, options, false, null, "prompt", List.of(), shape);
    ByteTokenizer bytes = new ByteTokenizer(true);

    PreparedRequest compiled =
        prepared.with(
            new ConstraintCompiler(new TokenVocabulary(bytes, bytes.size()))
                .compile(shape.source()));

    assertNotNull(compiled.constraint());
    assertNull(compiled.options().shape());
    assertNull(compiled.shape());
    assertEquals(shape.field(), compiled.shapeField());
  }
}
