package dev.switchboard.worker;

import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.chat.ChatTemplate.Rendered;
import dev.switchboard.chat.ChatTemplate.TemplateException;
import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintException;
import dev.switchboard.openai.AnswerShape;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.ChatCompletionRequest;
import dev.switchboard.openai.Conversation;
import dev.switchboard.openai.GenerationOptions;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.openai.TemplateForm;
import dev.switchboard.openai.TextCompletionRequest;
import dev.switchboard.openai.TextCompletionRequest.TextPrompt;
import dev.switchboard.openai.TextCompletionRequest.TokenPrompt;
import dev.switchboard.openai.TextReading;
import dev.switchboard.openai.ToolUse;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.toolcall.ToolFormat;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns a request body into token ids, and checks everything that depends on the model. Immutable
 * and safe on any thread; long bodies are prepared off the event loop.
 */
final class RequestPreparation {
  private static final Logger LOG = LoggerFactory.getLogger(RequestPreparation.class);
  private static final String WARM_UP_TEXT = "Hello, 1 2 3.";

  /** What a tokenizer's own spelling of a text may be shorter by, generously. */
  private static final int SPELLING = 4;

  /** Of a text in which no part has to stay text. */
  private static final int[] NO_SPANS = {};

  private final ServedModel model;
  private final RequestParser parser;

  /** Null when the model has none. */
  private final @Nullable TemplateForms template;

  /** Of a token's text. */
  private final int mostTokenChars;

  RequestPreparation(ServedModel model, RequestParser parser) {
    this.model = model;
    this.parser = parser;
    Tokenizer tokenizer = model.tokenizer();
    this.mostTokenChars =
        IntStream.range(0, tokenizer.size())
            .map(token -> tokenizer.piece(token).length())
            .max()
            .orElse(1);
    ChatTemplate source = model.chatTemplate();
    this.template =
        source == null
            ? null
            : new TemplateForms(
                source, (conversation, form) -> variables(tokenizer, conversation, form));
  }

  /**
   * Prepares a request of each kind, so that the first real one does not pay for loading classes
   * and for the vocabulary's first walk: together about a tenth of a second. A model may refuse
   * either kind, which is its requesters' affair.
   */
  void warmUp() {
    JsonObject body = new JsonObject().put("model", model.id());
    JsonObject message = new JsonObject().put("role", "user").put("content", WARM_UP_TEXT);
    warmUp(this::chat, body.copy().put("messages", new JsonArray().add(message)));
    warmUp(this::text, body.copy().put("prompt", WARM_UP_TEXT).put("echo", true));
  }

  private static void warmUp(Function<byte[], PreparedRequest> kind, JsonObject body) {
    try {
      PreparedRequest prepared = kind.apply(body.encode().getBytes(StandardCharsets.UTF_8));
      LOG.debug("warm_up {}", prepared.api());
    } catch (ApiException refused) {
      LOG.debug("warm_up_refused {}", refused.getMessage());
    }
  }

  /**
   * @throws ApiException naming the field
   */
  PreparedRequest chat(byte[] body) {
    ChatCompletionRequest request = parser.parseChat(body);
    requireModel(request.model());
    requireGenerator();
    requireBiasInVocabulary(request.options());
    int[] rendered = encodeChat(request.conversation(), model.facts().context());
    PreparedRequest.Prompt prompt = withBos(rendered, null);
    requireRoom(prompt, "messages", 1);
    return PreparedRequest.of(
        PreparedRequest.Api.CHAT,
        request.options(),
        false,
        offered(request.toolUse(), request.options().stream()),
        "messages",
        List.of(prompt),
        shape(request));
  }

  /** A call that the caller demands, or what it asks for otherwise. */
  private @Nullable AnswerShape shape(ChatCompletionRequest request) {
    AnswerShape asked = request.options().shape();
    ToolUse use = request.toolUse();
    if (!use.choice().forces()) {
      return use.holdsFreeCalls() && asked == null ? freeCalls(request, use) : asked;
    }
    if (model.toolFormat() == ToolFormat.NONE) {
      throw new ApiException(
          ApiError.unsupported(
              "tool_choice",
              "tool_choice can be auto or none only: how this model writes calls is not known."));
    }
    if (asked != null) {
      throw invalid("tool_choice", "cannot be combined with " + asked.field());
    }
    if (request.options().ignoreEos()) {
      throw invalid("tool_choice", "cannot be combined with ignore_eos");
    }
    return ForcedCalls.shape(use, model.toolFormat(), model.tokenizer());
  }

  /** Free text, in which calls are held to their schemas. */
  private AnswerShape freeCalls(ChatCompletionRequest request, ToolUse use) {
    if (model.toolFormat() == ToolFormat.NONE) {
      throw new ApiException(
          ApiError.unsupported(
              "tools",
              "tools cannot be strict: how this model writes calls is not known. Leave strict"
                  + " out."));
    }
    if (request.options().ignoreEos()) {
      throw invalid("ignore_eos", "cannot be combined with strict tools");
    }
    return ForcedCalls.free(use, model.toolFormat(), model.tokenizer());
  }

  /** Null when no function is offered, or the model calls them in a way that is not known. */
  private @Nullable OfferedTools offered(ToolUse use, boolean streamed) {
    ToolFormat format = model.toolFormat();
    return format == ToolFormat.NONE || use.functions().isEmpty()
        ? null
        : new OfferedTools(
            format,
            use.functions().stream().map(ToolUse.Function::name).collect(Collectors.toSet()),
            use.parallel() && use.choice() != ToolUse.Choice.NAMED,
            use.choice().forces(),
            streamed);
  }

  /**
   * @throws ApiException naming the field
   */
  PreparedRequest text(byte[] body) {
    TextCompletionRequest request = parser.parseText(body);
    requireModel(request.model());
    requireGenerator();
    requireBiasInVocabulary(request.options());
    Integer maxTokens = request.options().maxTokens();
    int wanted = maxTokens != null && maxTokens == 0 ? 0 : 1;
    List<PreparedRequest.Prompt> prompts = new ArrayList<>(request.prompts().size());
    for (TextCompletionRequest.Prompt given : request.prompts()) {
      PreparedRequest.Prompt prompt = encode(given, request);
      requireRoom(prompt, "prompt", wanted);
      prompts.add(prompt);
    }
    return PreparedRequest.of(
        PreparedRequest.Api.TEXT,
        request.options(),
        request.echo(),
        null,
        "prompt",
        prompts,
        request.options().shape());
  }

  /**
   * A request that another worker began to answer.
   *
   * @param parse reads the request alone
   * @param body what was answered, in its first bytes, then the request
   * @throws ApiException naming what is wrong
   */
  PreparedRequest continued(
      Function<byte[], PreparedRequest> parse, byte[] body, int answeredBytes) {
    if (answeredBytes < 1 || answeredBytes > body.length) {
      throw AnswerSoFar.invalid("must be how many of the body's bytes come before the request");
    }
    AnswerSoFar soFar = AnswerSoFar.read(body, answeredBytes);
    byte[] request = Arrays.copyOfRange(body, answeredBytes, body.length);
    return parse.apply(request).after(soFar, model.facts().vocabulary());
  }

  /**
   * @throws ApiException when it is not the model served here
   */
  void requireModel(String asked) {
    if (!asked.equals(model.id())) {
      throw new ApiException(ApiError.modelNotFound(asked));
    }
  }

  private void requireGenerator() {
    ModelTask task = model.facts().task();
    if (task != ModelTask.GENERATE) {
      throw task.refusal(model.id());
    }
  }

  /** The request with its shape compiled, if that takes no time; null when it does. */
  @Nullable PreparedRequest constrainedAtOnce(PreparedRequest request) {
    AnswerShape shape = request.shape();
    if (shape == null) {
      return request;
    }
    Constraint known = model.constraints().known(shape.source());
    return known == null ? null : request.with(known);
  }

  /**
   * The request with its shape compiled; not on the event loop.
   *
   * @throws ApiException naming what in the shape is wrong or not supported
   */
  PreparedRequest constrained(PreparedRequest request) {
    AnswerShape shape = request.shape();
    if (shape == null) {
      return request;
    }
    try {
      return request.with(model.constraints().compile(shape.source()));
    } catch (ConstraintException refused) {
      for (AnswerShape.Part part : shape.parts()) {
        requireCompiled(part);
      }
      throw refused(shape.field(), "", refused);
    }
  }

  /** Of several schemas in one constraint, finds the one that is wrong by itself. */
  private void requireCompiled(AnswerShape.Part part) {
    try {
      Constraint _ = model.constraints().compile(part.source());
    } catch (ConstraintException refused) {
      String tool = part.tool() == null ? "" : " of the tool '" + part.tool() + "'";
      throw refused(part.field(), tool, refused);
    }
  }

  private static ApiException refused(String field, String owner, ConstraintException refused) {
    String path = refused.path();
    String param = path.isEmpty() ? field : field + "." + path;
    return new ApiException(
        ApiError.invalid(param, param + owner + " " + refused.complaint() + "."));
  }

  private void requireBiasInVocabulary(GenerationOptions options) {
    int vocabulary = model.facts().vocabulary();
    for (int token : options.logitBias().keySet()) {
      if (token >= vocabulary) {
        throw invalid(
            "logit_bias." + token, "is not a token: the vocabulary has " + vocabulary + " tokens");
      }
    }
  }

  /** To split a text into tokens takes memory for each character: one that cannot fit is not. */
  void requireFitting(String text, int mostTokens, String field) {
    if (text.length() > (long) SPELLING * mostTokenChars * mostTokens) {
      String message =
          "At most %d tokens are read. The %d characters of '%s' are more than that."
              .formatted(mostTokens, text.length(), field);
      throw new ApiException(ApiError.contextLength(field, message));
    }
  }

  private void requireRoom(PreparedRequest.Prompt prompt, String field, int wanted) {
    int context = model.facts().context();
    int length = prompt.tokens().length;
    if (length + wanted > context) {
      String message =
          "This model's context is %d tokens. The prompt has %d, which leaves no room for an answer."
              .formatted(context, length);
      throw new ApiException(ApiError.contextLength(field, message));
    }
  }

  /**
   * The conversation as the model's template renders it.
   *
   * @param mostTokens of use to the caller; what has more for sure is refused
   * @throws ApiException naming the field
   */
  int[] encodeChat(Conversation conversation, int mostTokens) {
    TemplateForms forms = template;
    if (forms == null) {
      throw invalid(
          "messages", "cannot be rendered: this model has no chat template; use /v1/completions");
    }
    Rendered rendered = render(forms, conversation);
    requireFitting(rendered.text(), mostTokens, "messages");
    return model.tokenizer().encodeTemplate(rendered.text(), rendered.userSpans());
  }

  private static Rendered render(TemplateForms template, Conversation conversation) {
    try {
      return template.render(conversation);
    } catch (TemplateException refusal) {
      throw invalid(
          "messages", "was refused by the model's chat template: " + refusal.getMessage());
    }
  }

  private static Map<String, @Nullable Object> variables(
      Tokenizer tokenizer, Conversation conversation, TemplateForm form) {
    Map<String, @Nullable Object> variables = conversation.templateVariables(form);
    variables.put("bos_token", tokenizer.bos() < 0 ? "" : tokenizer.piece(tokenizer.bos()));
    variables.put("eos_token", tokenizer.eos() < 0 ? "" : tokenizer.piece(tokenizer.eos()));
    return variables;
  }

  private PreparedRequest.Prompt encode(
      TextCompletionRequest.Prompt given, TextCompletionRequest request) {
    if (request.suffix() != null) {
      return aroundHole(given, request.suffix(), request.reading());
    }
    return switch (given) {
      case TextPrompt(String text) -> {
        requireFitting(text, model.facts().context(), "prompt");
        int[] tokens = encode(text, request.reading());
        String echoed = request.echo() ? text : null;
        yield request.reading().addSpecial() || tokens.length == 0
            ? withBos(tokens, echoed)
            : new PreparedRequest.Prompt(tokens, 0, echoed);
      }
      case TokenPrompt(int[] tokens) -> {
        requireInVocabulary(tokens, "prompt");
        yield new PreparedRequest.Prompt(tokens, 0, request.echo() ? decode(tokens) : null);
      }
    };
  }

  /** A raw text's tokens, without those that begin every text. */
  int[] encode(String text, TextReading reading) {
    Tokenizer tokenizer = model.tokenizer();
    return reading.parseSpecial()
        ? tokenizer.encodeTemplate(text, NO_SPANS)
        : tokenizer.encode(text);
  }

  /** What a model that fills holes reads: a control token spelled out around one stays text. */
  private PreparedRequest.Prompt aroundHole(
      TextCompletionRequest.Prompt given, String suffix, TextReading reading) {
    Tokenizer.FillIn fillIn = model.tokenizer().fillIn();
    if (fillIn == null) {
      throw new ApiException(
          ApiError.unsupported(
              "suffix",
              "suffix is not supported by this model: its vocabulary has no tokens to fill in the"
                  + " middle of a text."));
    }
    requireFitting(suffix, model.facts().context(), "suffix");
    IntStream.Builder tokens = IntStream.builder();
    tokens.add(fillIn.prefix());
    IntStream.of(plain(given)).forEach(tokens::add);
    tokens.add(fillIn.suffix());
    IntStream.of(model.tokenizer().encode(suffix)).forEach(tokens::add);
    tokens.add(fillIn.middle());
    int[] all = tokens.build().toArray();
    return reading.addSpecial() ? withBos(all, null) : new PreparedRequest.Prompt(all, 0, null);
  }

  private int[] plain(TextCompletionRequest.Prompt given) {
    return switch (given) {
      case TextPrompt(String text) -> {
        requireFitting(text, model.facts().context(), "prompt");
        yield model.tokenizer().encode(text);
      }
      case TokenPrompt(int[] tokens) -> {
        requireInVocabulary(tokens, "prompt");
        yield tokens;
      }
    };
  }

  void requireInVocabulary(int[] tokens, String field) {
    int vocabulary = model.facts().vocabulary();
    for (int token : tokens) {
      if (token < 0 || token >= vocabulary) {
        throw invalid(
            field, "holds token %d: the vocabulary has %d tokens".formatted(token, vocabulary));
      }
    }
  }

  private String decode(int[] tokens) {
    Tokenizer.Detokenizer detokenizer = model.tokenizer().detokenizer();
    StringBuilder text = new StringBuilder();
    IntStream.of(tokens).forEach(token -> text.append(detokenizer.next(token)));
    return text.append(detokenizer.finish()).toString();
  }

  /** Puts BOS in front where the model wants it, a template has not, and nothing else is there. */
  int[] begun(int[] tokens) {
    Tokenizer tokenizer = model.tokenizer();
    int bos = tokenizer.bos();
    boolean present = tokens.length > 0 && tokens[0] == bos;
    if (bos < 0 || present || (!tokenizer.addBos() && tokens.length > 0)) {
      return tokens;
    }
    int[] longer = new int[tokens.length + 1];
    longer[0] = bos;
    System.arraycopy(tokens, 0, longer, 1, tokens.length);
    return longer;
  }

  private PreparedRequest.Prompt withBos(int[] tokens, @Nullable String text) {
    int[] begun = begun(tokens);
    if (begun.length == 0) {
      throw invalid("prompt", "is empty, and this model has no token to begin a text with");
    }
    return new PreparedRequest.Prompt(begun, begun.length - tokens.length, text);
  }

  private static ApiException invalid(String field, String complaint) {
    return new ApiException(ApiError.invalid(field, "'" + field + "' " + complaint + "."));
  }
}
