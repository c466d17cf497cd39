package dev.switchboard.worker;

import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.chat.ChatTemplate.TemplateException;
import dev.switchboard.chat.ChatTemplates;
import dev.switchboard.chat.TemplateLimits;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.executor.DeviceFinding;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.Isa;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.ExecutorException;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.NativeMachine;
import dev.switchboard.gguf.FiniteWeights;
import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.gguf.TensorType;
import dev.switchboard.gguf.WeightsDigest;
import dev.switchboard.openai.SamplingDefaults;
import dev.switchboard.scheduler.EngineConfig;
import dev.switchboard.scheduler.EngineLoop;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.tokenizer.Tokenizers;
import dev.switchboard.toolcall.ToolFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Loads a model file into a native engine. On the loader's thread; takes as long as it takes. */
final class ModelLoader {
  private static final Logger LOG = LoggerFactory.getLogger(ModelLoader.class);

  /** A token of a prompt and one of an answer. */
  private static final int LEAST_CONTEXT = 2;

  private static final int KV_BLOCK_TOKENS = 32;

  /** A pool that holds less is of no use to a chat. */
  private static final int LEAST_TOKENS = 512;

  /** What is proposed where a device has too little memory. */
  private static final int SMALL_STEP = 64;

  private static final int SMALL_SEQUENCES = 8;
  private static final int SMALL_CONTEXT = 2048;

  /** Scored positions of one step, of echoed prompts; each takes a row of logits. */
  private static final int LEAST_STEP_OUTPUTS = 64;

  private static final Set<TensorType> HALVES = Set.of(TensorType.F16, TensorType.BF16);

  private final ModelOptions options;
  private final EpochClock clock;
  private final NativeExecutor.LoadListener progress;
  private final JavaMemory java = JavaMemory.ofThisMachine();

  ModelLoader(ModelOptions options, EpochClock clock, NativeExecutor.LoadListener progress) {
    this.options = options;
    this.clock = clock;
    this.progress = progress;
  }

  /**
   * @throws ModelLoadException with the reason's word
   */
  ServedModel load() throws ModelLoadException {
    try (GgufFile file = GgufFile.open(options.file())) {
      ModelDescription description = ModelDescription.of(file);
      requireContext(description);
      ExecutorConfig config = config(shorten(description));
      requireHeap(description.vocab(), config.kvBlocks());
      Tokenizer tokenizer = Tokenizers.from(file);
      Templates templates = templates(tokenizer);
      ChatTemplate template = template(templates);
      CompletableFuture<ConstraintCompiler> constraints =
          CompletableFuture.supplyAsync(
              () ->
                  new ConstraintCompiler(
                      new TokenVocabulary(tokenizer, description.vocab()),
                      maskThread(),
                      java.constraintBytes()));
      CompletableFuture<@Nullable String> damage =
          CompletableFuture.supplyAsync(() -> FiniteWeights.firstNotFinite(file.tensors()));
      CompletableFuture<Integer> digest =
          CompletableFuture.supplyAsync(() -> WeightsDigest.of(file.tensors()));
      NativeExecutor executor = open(shorten(description), config, digest);
      int weights = digest.join();
      requireFinite(damage.join(), executor);
      return served(
          description,
          weights,
          tokenizer,
          constraints.join(),
          template,
          toolFormat(templates),
          sampling(file),
          config,
          executor);
    } catch (GgufException refused) {
      throw new ModelLoadException(refused.reason().word(), refused.getMessage(), refused);
    } catch (ExecutorException refused) {
      throw new ModelLoadException(word(refused), String.valueOf(refused.getMessage()), refused);
    }
  }

  /**
   * What a worker would take.
   *
   * @param kvTokens that the pool holds
   * @param availableBytes what the machine, or the process's control groups, have to give now
   * @param refusal why a worker could not start now, or null; the pool is the least one then
   */
  record Planned(
      ExecutorInfo.Memory memory,
      long jvmBytes,
      long kvTokens,
      long availableBytes,
      @Nullable String refusal) {}

  /**
   * Checks all that {@link #load} does before it takes memory, and takes none.
   *
   * @throws ModelLoadException when the file could not be served with any memory
   */
  Planned plan() throws ModelLoadException {
    try (GgufFile file = GgufFile.open(options.file())) {
      ModelDescription description = ModelDescription.of(file);
      requireContext(description);
      Templates templates = templates(Tokenizers.from(file));
      @Nullable ChatTemplate _ = template(templates);
      return plan(shorten(description));
    } catch (GgufException refused) {
      throw new ModelLoadException(refused.reason().word(), refused.getMessage(), refused);
    } catch (ExecutorException refused) {
      throw new ModelLoadException(word(refused), String.valueOf(refused.getMessage()), refused);
    }
  }

  private Planned plan(ModelDescription model) throws ModelLoadException {
    ExecutorConfig layout = layout(model);
    MemoryPlan memory = memoryPlan(model, layout);
    String refusal = null;
    int blocks = memory.leastBlocks();
    try {
      blocks = memory.kvBlocks(options.kvMemory(), options.memoryBytes(), KV_BLOCK_TOKENS);
    } catch (ModelLoadException little) {
      refusal = little.getMessage();
    }
    requireHeap(model.vocab(), blocks);
    return new Planned(
        NativeExecutor.planMemory(model, withBlocks(layout, blocks)),
        java.processBytes(),
        (long) blocks * KV_BLOCK_TOKENS,
        memory.availableBytes(),
        refusal);
  }

  private static String word(ExecutorException refused) {
    DeviceFinding.Code code = DeviceFinding.Code.ofRefusal(refused.text());
    if (code != null) {
      return code.word();
    }
    return refused.status().name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The file cannot be closed while it is read, so a load that fails waits for that too. */
  private NativeExecutor open(
      ModelDescription model, ExecutorConfig config, CompletableFuture<Integer> reads) {
    try {
      return NativeExecutor.open(model, config, progress);
    } catch (RuntimeException e) {
      int _ = reads.join();
      throw e;
    }
  }

  /** Looked for beside the load, which reads the same pages. */
  private static void requireFinite(@Nullable String damage, NativeExecutor executor)
      throws ModelLoadException {
    if (damage != null) {
      executor.close();
      throw new ModelLoadException("not-finite", damage);
    }
  }

  private void requireHeap(int vocabulary, int kvBlocks) throws ModelLoadException {
    long least = JavaMemory.leastBytes(vocabulary, kvBlocks);
    if (java.heapBytes() < least) {
      throw new ModelLoadException(
          "java-heap-too-small",
          "the Java heap is %d MiB (-Xmx), but %d MiB are needed for %d tokens and %d KV blocks"
              .formatted(java.heapBytes() >> 20, (least >> 20) + 1, vocabulary, kvBlocks));
    }
  }

  /** Finds masks beside the engine's thread; lives as long as the process. */
  private static Executor maskThread() {
    return Executors.newSingleThreadExecutor(
        Thread.ofPlatform().name("switchboard-masks").daemon(true).factory());
  }

  private ServedModel served(
      ModelDescription description,
      int digest,
      Tokenizer tokenizer,
      ConstraintCompiler constraints,
      @Nullable ChatTemplate template,
      ToolFormat toolFormat,
      SamplingDefaults sampling,
      ExecutorConfig config,
      NativeExecutor executor) {
    ExecutorInfo info = executor.info();
    EngineConfig scheduling =
        EngineConfig.of(info)
            .withMaxWaitingTokens(java.waitingTokens())
            .withStepListBytes(java.stepListBytes());
    EngineLoop engine = EngineLoop.start(executor, scheduling, clock);
    ExecutorInfo.Memory memory = info.memory();
    return new ServedModel(
        options.name() == null ? description.id() : options.name(),
        modifiedSeconds(),
        facts(description, digest, config.kvType(), sampling, info),
        new ServedModel.Topology(info.stages(), info.ranks(), config.threads(), info.device()),
        new ServedModel.Memory(
            memory.weightBytes(),
            memory.kvBytes(),
            memory.scratchBytes(),
            java.heapBytes(),
            info.kvBlockTokens(),
            memory.devices()),
        tokenizer,
        constraints,
        template,
        toolFormat,
        sampling,
        engine,
        options.allowFaultInjection() ? engine::inject : null);
  }

  private static ServedModel.Facts facts(
      ModelDescription description,
      int digest,
      KvType kvType,
      SamplingDefaults sampling,
      ExecutorInfo info) {
    String shape =
        String.join(
            "/",
            description.name(),
            description.quantization(),
            Long.toString(description.parameters()),
            Integer.toHexString(digest),
            Integer.toString(info.stages()),
            Integer.toString(info.ranks()),
            kvType.name() + (sampling.equals(SamplingDefaults.OF_THE_API) ? "" : sampling),
            bitsOf(description, info));
    return new ServedModel.Facts(
        description.architecture().word(),
        ModelTask.of(description.pooling()),
        description.embeddingSize(),
        description.parameters(),
        description.quantization(),
        info.context(),
        info.vocab(),
        "fp_" + Integer.toHexString(shape.hashCode()));
  }

  private SamplingDefaults sampling(GgufFile file) {
    return options.modelSampling()
        ? ModelSampling.of(file.metadata())
        : SamplingDefaults.OF_THE_API;
  }

  /** What answers depend on of what computes: a device adds products of halves in another order. */
  private static String bitsOf(ModelDescription description, ExecutorInfo info) {
    boolean halves =
        description.weights().stream()
            .anyMatch(weight -> weight.rows() > 1 && HALVES.contains(weight.type()));
    return halves && info.memory().devices() != null ? info.device() : "";
  }

  private ExecutorConfig config(ModelDescription model) throws ModelLoadException {
    ExecutorConfig layout = layout(model);
    int blocks =
        memoryPlan(model, layout)
            .kvBlocks(options.kvMemory(), options.memoryBytes(), KV_BLOCK_TOKENS);
    return withBlocks(layout, blocks);
  }

  /** With a KV pool of no size yet. */
  private ExecutorConfig layout(ModelDescription model) {
    if (options.device() == Device.CPU) {
      return layout(model, Isa.AUTO);
    }
    ExecutorConfig onDevice = layout(model, Isa.CUDA);
    return options.device() == Device.CUDA || runsOn(model, onDevice)
        ? onDevice
        : layout(model, Isa.AUTO);
  }

  private boolean runsOn(ModelDescription model, ExecutorConfig config) {
    try {
      NativeExecutor.planMemory(model, withBlocks(config, 1));
      return true;
    } catch (ExecutorException refused) {
      if (refused.status() != ExecutorException.Status.UNSUPPORTED) {
        throw refused;
      }
      LOG.info("device=cpu reason={}", refused.text());
      return false;
    }
  }

  private ExecutorConfig layout(ModelDescription model, Isa isa) {
    int ranks = options.stages() * options.ranks();
    int threads =
        options.threads() > 0
            ? options.threads()
            : Math.max(1, Runtime.getRuntime().availableProcessors() / ranks);
    return ExecutorConfig.defaults()
        .withIsa(isa)
        .withLayout(options.stages(), options.ranks(), threads)
        .withSteps(
            options.maxSequences(),
            stepTokens(model),
            Math.max(LEAST_STEP_OUTPUTS, options.maxSequences()))
        .withFaults(options.allowFaultInjection(), options.hangTimeoutMs());
  }

  private ExecutorConfig withBlocks(ExecutorConfig config, int blocks) {
    return config.withKv(options.kvType(), KV_BLOCK_TOKENS, blocks);
  }

  /** A step of a model that embeds holds a whole text, however long. */
  private int stepTokens(ModelDescription model) {
    int least = model.embeds() ? model.context() : options.maxSequences();
    return Math.max(options.stepTokens(), least);
  }

  private MemoryPlan memoryPlan(ModelDescription model, ExecutorConfig config) {
    long most = Math.min(mostBlocks(model), Integer.MAX_VALUE);
    return new MemoryPlan(
        blocks -> NativeExecutor.planMemory(model, withBlocks(config, blocks)),
        (int) most,
        leastBlocks(model),
        NativeMachine.probe().availableBytes(),
        java.processBytes(),
        smaller(model));
  }

  /** Less room than asked for, the least harmful first. */
  private List<MemoryPlan.Smaller> smaller(ModelDescription model) {
    int all = options.maxSequences();
    int longest = model.context();
    int shorter = Math.min(longest, SMALL_CONTEXT);
    KvType type = options.kvType();
    return List.of(
        smaller(model, "--step-tokens 64", all, longest, type),
        smaller(model, "--step-tokens 64 --max-sequences 8", SMALL_SEQUENCES, longest, type),
        smaller(
            model,
            "--step-tokens 64 --max-sequences 8 --context " + shorter,
            SMALL_SEQUENCES,
            shorter,
            type),
        smaller(
            model,
            "--step-tokens 64 --max-sequences 8 --kv-type q8_0 --context " + shorter,
            SMALL_SEQUENCES,
            shorter,
            KvType.Q8_0));
  }

  private MemoryPlan.Smaller smaller(
      ModelDescription model, String words, int sequences, int context, KvType type) {
    ModelLoader other =
        new ModelLoader(options.smaller(sequences, SMALL_STEP, context, type), clock, progress);
    return new MemoryPlan.Smaller(words, () -> other.leastMemory(model));
  }

  private ExecutorInfo.Memory leastMemory(ModelDescription model) {
    ModelDescription shortened = shorten(model);
    return NativeExecutor.planMemory(
        shortened, withBlocks(layout(shortened, Isa.CUDA), leastBlocks(shortened)));
  }

  private static int leastBlocks(ModelDescription model) {
    return Math.ceilDiv(Math.min(model.context(), LEAST_TOKENS), KV_BLOCK_TOKENS);
  }

  /**
   * What all sequences at their longest fill; of one that embeds, the texts of all steps in flight.
   */
  private long mostBlocks(ModelDescription model) {
    long all = (long) Math.ceilDiv(model.context(), KV_BLOCK_TOKENS) * options.maxSequences();
    if (!model.embeds()) {
      return all;
    }
    long step = (long) Math.ceilDiv(stepTokens(model), KV_BLOCK_TOKENS) + options.maxSequences();
    return Math.min(all, step * (options.stages() + 1));
  }

  private void requireContext(ModelDescription model) throws ModelLoadException {
    int context = context(model);
    if (!model.embeds() && context < LEAST_CONTEXT) {
      throw new ModelLoadException(
          "context-too-small",
          "the context (--context) is %d token: at least %d are needed, for a prompt and an answer"
              .formatted(context, LEAST_CONTEXT));
    }
  }

  private int context(ModelDescription model) {
    return options.context() > 0 ? Math.min(options.context(), model.context()) : model.context();
  }

  private ModelDescription shorten(ModelDescription model) {
    return model.withContext(context(model));
  }

  /**
   * The texts of the file given, or of the model's own.
   *
   * @param forTools null when it is the plain one
   */
  private record Templates(@Nullable String plain, @Nullable String forTools) {}

  private Templates templates(Tokenizer tokenizer) throws ModelLoadException {
    Path given = options.chatTemplate();
    if (given == null) {
      return new Templates(tokenizer.chatTemplate(), tokenizer.toolTemplate());
    }
    try {
      return new Templates(Files.readString(given), null);
    } catch (IOException broken) {
      throw badTemplate(given, broken);
    }
  }

  /** Null when the model has none. */
  private @Nullable ChatTemplate template(Templates templates) throws ModelLoadException {
    ChatTemplate plain = templates.plain == null ? null : compiled(templates.plain);
    ChatTemplate forTools = templates.forTools == null ? null : compiled(templates.forTools);
    if (plain == null || forTools == null) {
      return plain == null ? forTools : plain;
    }
    return ChatTemplates.withTools(plain, forTools);
  }

  /** A file that was given must be right; a template of the model that is broken refuses chats. */
  private ChatTemplate compiled(String source) throws ModelLoadException {
    try {
      return compile(source);
    } catch (TemplateException broken) {
      Path given = options.chatTemplate();
      if (given != null) {
        throw badTemplate(given, broken);
      }
      String why = "it cannot be compiled: " + broken.getMessage();
      LOG.warn("chat_template_broken {}", why);
      return variables -> {
        throw new TemplateException(why);
      };
    }
  }

  private static ModelLoadException badTemplate(Path file, Exception broken) {
    return new ModelLoadException("bad-chat-template", file + ": " + broken.getMessage(), broken);
  }

  private ToolFormat toolFormat(Templates templates) {
    ToolFormat given = options.toolFormat();
    if (given != null) {
      return given;
    }
    String shown = templates.forTools == null ? templates.plain : templates.forTools;
    return shown == null ? ToolFormat.NONE : ToolFormat.of(shown);
  }

  private static ChatTemplate compile(String source) {
    return ChatTemplates.compile(
        source, TemplateLimits.DEFAULT, Clock.system(ZoneId.systemDefault()));
  }

  private long modifiedSeconds() {
    try {
      return Files.getLastModifiedTime(options.file()).toMillis() / 1000;
    } catch (IOException gone) {
      return 0;
    }
  }
}
