package dev.switchboard.worker;

import static dev.switchboard.gguf.GgufBuilder.f32;
import static dev.switchboard.gguf.GgufBuilder.i32;
import static dev.switchboard.gguf.GgufBuilder.llama;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.u32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.switchboard.gguf.GgufBuilder;
import dev.switchboard.openai.GenerationOptions;
import dev.switchboard.openai.RequestLimits;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.openai.SamplingDefaults;
import dev.switchboard.timeline.EpochClock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a request gets that says nothing of sampling. */
class ModelSamplingTest {
  @TempDir Path directory;

  private ServedModel load(GgufBuilder builder, boolean modelSampling) throws Exception {
    Path file = Files.write(directory.resolve("m.gguf"), builder.build());
    ModelOptions options = SmallOptions.sampling(file, modelSampling);
    ServedModel model = new ModelLoader(options, EpochClock.system(), (done, total) -> {}).load();
    model.engine().close();
    return model;
  }

  private static GgufBuilder recommending() {
    return llama()
        .put("general.sampling.temp", f32(0.5f))
        .put("general.sampling.top_p", f32(0.75f))
        .put("general.sampling.top_k", u32(20))
        .put("general.sampling.min_p", f32(0.125f))
        .put("general.sampling.penalty_repeat", f32(1.25f));
  }

  private static GenerationOptions read(ServedModel model, String more) {
    String body =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]" + more + "}";
    return new RequestParser(RequestLimits.DEFAULT, model.sampling())
        .parseChat(body.getBytes(StandardCharsets.UTF_8))
        .options();
  }

  @Test
  void itIsWhatTheFileRecommends() throws Exception {
    GenerationOptions options = read(load(recommending(), true), "");

    assertEquals(0.5, options.temperature());
    assertEquals(0.75, options.topP());
    assertEquals(20, options.topK());
    assertEquals(0.125, options.minP());
    assertEquals(1.25, options.repetitionPenalty());
  }

  @Test
  void whatTheRequestSaysCounts() throws Exception {
    String said =
        ",\"temperature\":1,\"top_p\":1,\"top_k\":-1,\"min_p\":0,\"repetition_penalty\":1";
    GenerationOptions options = read(load(recommending(), true), said);

    assertEquals(1, options.temperature());
    assertEquals(1, options.topP());
    assertEquals(0, options.topK());
    assertEquals(0, options.minP());
    assertEquals(1, options.repetitionPenalty());
  }

  @Test
  void itIsThatOfTheApiWhereTheWorkerIsToldSo() throws Exception {
    ServedModel api = load(recommending(), false);

    assertEquals(SamplingDefaults.OF_THE_API, api.sampling());
    assertNotEquals(load(recommending(), true).facts().fingerprint(), api.facts().fingerprint());
    assertEquals(load(llama(), true).facts().fingerprint(), api.facts().fingerprint());
  }

  @Test
  void aTopKThatIsOffIsSaidToBeZero() throws Exception {
    GgufBuilder off = llama().put("general.sampling.top_k", i32(-1));

    assertEquals(0, load(off, true).sampling().topK());
  }

  @Test
  void whatNoRequestCouldAskForIsPassedOver() throws Exception {
    GgufBuilder odd =
        llama()
            .put("general.sampling.temp", f32(7))
            .put("general.sampling.top_p", f32(0))
            .put("general.sampling.top_k", f32(Float.NaN))
            .put("general.sampling.min_p", string("0.1"))
            .put("general.sampling.penalty_repeat", f32(-1));

    assertEquals(SamplingDefaults.OF_THE_API, load(odd, true).sampling());
  }
}
