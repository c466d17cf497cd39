package dev.switchboard.bench;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.NativeMachine;
import dev.switchboard.executor.NativeMachine.MacUnit;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Measures one model, round by round: the machine's bounds, the engine, and the peer if there is
 * one, so that what is compared was measured within seconds.
 */
final class ModelBench {
  private static final int KV_BLOCK_TOKENS = 32;

  /** Beyond every cache: a virtual machine may have more of the last level than it says. */
  private static final int BANDWIDTH_MIB = 1024;

  private static final int BANDWIDTH_PASSES = 3;
  private static final int PEAK_PASSES = 20;
  private static final int BUSY_TURNS = 3;

  /**
   * How to measure.
   *
   * @param kvType how keys and values are stored
   * @param prompt prefill length in tokens
   * @param depth tokens a sequence has before it is decoded
   * @param tokens tokens per decode pass
   * @param batches sequences decoded together
   * @param besideBusyCore whether decode is also measured with a core kept busy
   */
  record Plan(
      ExecutorConfig layout,
      ExecutorConfig.KvType kvType,
      int prompt,
      int depth,
      int tokens,
      int[] batches,
      boolean besideBusyCore) {
    int threads() {
      return layout.stages() * layout.ranks() * layout.threads();
    }
  }

  private final Path path;
  private final Plan plan;
  private final @Nullable LlamaCpp peer;
  private final ModelResult result;
  private final int positions;

  ModelBench(Path path, Plan plan, @Nullable LlamaCpp peer) {
    this.path = path;
    this.plan = plan;
    this.peer = peer;
    // Other than the worker's default is worth a word.
    String kv = plan.kvType() == ExecutorConfig.KvType.F16 ? "" : " (KV " + plan.kvType() + ")";
    String name = path.getFileName().toString().replace(".gguf", "") + kv;
    result = new ModelResult(name, plan.batches().length, peer != null);
    positions = Math.max(plan.prompt(), plan.depth() + plan.tokens()) + 1;
  }

  ModelResult result() {
    return result;
  }

  void round() throws IOException {
    double read =
        NativeMachine.readBandwidth(plan.threads(), (long) BANDWIDTH_MIB << 20, BANDWIDTH_PASSES);
    result.readBandwidth.add(read);
    engine(read);
    Speeds theirs = result.peer;
    if (peer != null && theirs != null) {
      peer(peer, theirs);
    }
  }

  private void engine(double read) throws IOException {
    int most = Arrays.stream(plan.batches()).max().orElse(1);
    int blocks = most * EngineRun.blocks(positions, KV_BLOCK_TOKENS);
    ExecutorConfig config = plan.layout().withKv(plan.kvType(), KV_BLOCK_TOKENS, blocks);
    long begun = System.nanoTime();
    try (GgufFile file = GgufFile.open(path)) {
      ModelDescription model = ModelDescription.of(file);
      result.macsPerToken = macsPerToken(model);
      try (Executor executor = NativeExecutor.open(model, config, (done, total) -> {})) {
        EngineRun run = new EngineRun(executor, most, positions);
        run.prefill(8);
        result.loadSeconds.add((System.nanoTime() - begun) / 1e9);
        result.bytesPerToken = executor.info().memory().weightBytesPerToken();
        speeds(run, read);
      }
    }
  }

  private void speeds(EngineRun run, double read) throws IOException {
    run.decode(1, plan.depth(), 2);
    double prefill = run.prefill(plan.prompt());
    result.ours.prefill.add(prefill);
    result.firstTokenMs.add(plan.prompt() * 1e3 / prefill);
    shareOfPeak(prefill, MacUnit.INT8, result.int8Peak, result.shareOfInt8);
    shareOfPeak(prefill, MacUnit.BF16, result.bf16Peak, result.shareOfBf16);
    for (int i = 0; i < plan.batches().length; i++) {
      int batch = plan.batches()[i];
      double decode = run.decode(batch, plan.depth(), plan.tokens());
      result.ours.decode[i].add(decode);
      if (i == 0) {
        result.shareOfRead.add(decode / batch * result.bytesPerToken / read);
      }
    }
    if (plan.besideBusyCore()) {
      run.fill(1, plan.depth());
      besideBusyCore(result.ours, () -> run.steps(1, plan.depth(), plan.tokens()));
    }
  }

  /**
   * Takes turns with a core kept busy and with none, since the machine's memory changes its pace
   * from minute to minute: each disturbed piece is held to the undisturbed ones beside it.
   */
  private static void besideBusyCore(Speeds speeds, Decoding decoding) throws IOException {
    double before = decoding.tokensPerSecond();
    for (int turn = 0; turn < BUSY_TURNS; turn++) {
      double busy;
      try (BusyCore _ = BusyCore.start()) {
        busy = decoding.tokensPerSecond();
      }
      double after = decoding.tokensPerSecond();
      speeds.decodeBesideBusyCore.add(busy);
      speeds.busyShare.add(2 * busy / (before + after));
      before = after;
    }
  }

  private interface Decoding {
    double tokensPerSecond() throws IOException;
  }

  private void shareOfPeak(double prefill, MacUnit unit, Samples peaks, Samples shares) {
    NativeMachine.peakRate(plan.threads(), unit, PEAK_PASSES)
        .ifPresent(
            peak -> {
              peaks.add(peak);
              shares.add(prefill * result.macsPerToken / peak);
            });
  }

  private void peer(LlamaCpp peer, Speeds theirs) throws IOException {
    theirs.prefill.add(peer.prefill(path, plan.prompt()));
    double[] decode = peer.decode(path, plan.batches(), plan.depth(), plan.tokens());
    for (int i = 0; i < decode.length; i++) {
      theirs.decode[i].add(plan.batches()[i] == 1 ? peer.decode(path, plan.tokens()) : decode[i]);
    }
    if (plan.besideBusyCore()) {
      besideBusyCore(theirs, () -> peer.decode(path, plan.tokens()));
    }
  }

  /** A prompt's tokens pass the layers; the output layer sees only the last. */
  private static long macsPerToken(ModelDescription model) {
    return model.weights().stream()
        .filter(weight -> weight.layer() >= 0 && weight.rows() > 1)
        .mapToLong(weight -> weight.rows() * weight.cols())
        .sum();
  }
}
