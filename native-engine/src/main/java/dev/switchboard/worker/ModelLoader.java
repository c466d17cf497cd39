package dev.switchboard.worker;

import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.chat.ChatTemplates;
import dev.switchboard.chat.TemplateLimits;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorException;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * From a model file to an engine that generates: reads and checks the file, takes the memory,
 * repacks the weights. Takes seconds for large models; runs on a thread of its own.
 */
final class ModelLoader {
  private static final int KV_BLOCK_TOKENS = 32;
  private static final int KV_BYTES_PER_VALUE = 2;

  /**
   * What to load and how to lay it out.
   *
   * @param name how requests call the model; null takes the file's own id
   * @param context longest sequence; 0 is the model's
   * @param kvMemoryMib bound of the KV pool, which always holds one longest sequence
   * @param sequences live at once
   * @param stepTokens token budget of a step
   * @param chatTemplate file that replaces the model's own template; null keeps it
   */
  record Options(
      Path file,
      @Nullable String name,
      int stages,
      int ranks,
      int threads,
      int context,
      int kvMemoryMib,
      int sequences,
      int stepTokens,
      @Nullable Path chatTemplate,
      boolean allowFaultInjection) {}

  private final Options options;
  private final EpochClock clock;
  private final Clock wallClock;

  ModelLoader(Options options, EpochClock clock, Clock wallClock) {
    this.options = options;
    this.clock = clock;
    this.wallClock = wallClock;
  }

  /**
   * Loads.
   *
   * @throws ModelLoadException with the reason, when the model cannot be served here
   */
  ServedModel load(NativeExecutor.LoadListener progress) throws ModelLoadException {
    try (GgufFile file = GgufFile.open(options.file())) {
      ModelDescription model = ModelDescription.of(file);
      Tokenizer tokenizer = Tokenizers.from(file);
      ChatTemplate template = template(tokenizer);
      ExecutorConfig config = layout(model);
      NativeExecutor executor = NativeExecutor.open(model, config, progress);
      return served(model, tokenizer, template, config, executor);
    } catch (GgufException e) {
      throw new ModelLoadException(e.reason().word(), e.getMessage(), e);
    } catch (ExecutorException e) {
      String reason = e.status().name().toLowerCase(Locale.ROOT);
      throw new ModelLoadException(reason, String.valueOf(e.getMessage()), e);
    } catch (ChatTemplate.TemplateException e) {
      throw new ModelLoadException("chat_template", String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new ModelLoadException("io", String.valueOf(e.getMessage()), e);
    }
  }

  private @Nullable ChatTemplate template(Tokenizer tokenizer) throws IOException {
    String source = tokenizer.chatTemplate();
    if (options.chatTemplate() != null) {
      source = Files.readString(options.chatTemplate());
    }
    return source == null ? null : ChatTemplates.compile(source, TemplateLimits.DEFAULT, wallClock);
  }

  private ExecutorConfig layout(ModelDescription model) {
    int context = context(model);
    int sequences = options.sequences();
    return ExecutorConfig.defaults()
        .withLayout(options.stages(), options.ranks(), options.threads())
        .withKv(ExecutorConfig.KvType.F16, KV_BLOCK_TOKENS, kvBlocks(model, context, sequences))
        .withSteps(sequences, Math.max(options.stepTokens(), sequences), options.stepTokens())
        .withFaults(options.allowFaultInjection(), ExecutorConfig.defaults().hangTimeoutMs());
  }

  private int context(ModelDescription model) {
    return options.context() == 0 ? model.context() : Math.min(options.context(), model.context());
  }

  /** As many as the memory bound allows, one longest sequence at least, all of them at most. */
  private int kvBlocks(ModelDescription model, int context, int sequences) {
    long tokenBytes = 2L * model.layers() * model.kvHeads() * model.headDim() * KV_BYTES_PER_VALUE;
    long affordable = ((long) options.kvMemoryMib() << 20) / (tokenBytes * KV_BLOCK_TOKENS);
    long one = ((long) context + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS + 1;
    return (int) Math.clamp(affordable, one, one * sequences);
  }

  private ServedModel served(
      ModelDescription model,
      Tokenizer tokenizer,
      @Nullable ChatTemplate template,
      ExecutorConfig config,
      NativeExecutor executor)
      throws IOException {
    ExecutorInfo info = executor.info();
    int context = Math.min(context(model), info.context());
    EngineLoop engine = EngineLoop.start(executor, EngineConfig.of(info), clock);
    String id = options.name() == null ? model.id() : options.name();
    return new ServedModel(
        id,
        Files.getLastModifiedTime(options.file()).toMillis() / 1000,
        facts(model, id, context),
        new ServedModel.Topology(info.stages(), info.ranks(), config.threads(), info.device()),
        new ServedModel.Memory(
            info.memory().weightBytes(), info.memory().kvBytes(), info.memory().scratchBytes()),
        tokenizer,
        template,
        engine,
        options.allowFaultInjection() ? engine::inject : null);
  }

  private static ServedModel.Facts facts(ModelDescription model, String id, int context) {
    int hash =
        Objects.hash(
            id, model.parameters(), model.quantization(), model.layers(), model.dim(), context);
    return new ServedModel.Facts(
        model.architecture().word(),
        model.parameters(),
        model.quantization(),
        context,
        model.vocab(),
        "sb-" + HexFormat.of().toHexDigits(hash));
  }
}
