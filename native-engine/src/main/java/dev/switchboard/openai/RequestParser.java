package dev.switchboard.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.openai.TextCompletionRequest.Prompt;
import dev.switchboard.openai.TextCompletionRequest.TextPrompt;
import dev.switchboard.openai.TextCompletionRequest.TokenPrompt;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads request bodies. Unknown fields are ignored, as OpenAI-compatible clients expect; a known
 * field we do not serve is refused when it asks for something, because answering as if it had not
 * been there would be wrong. Immutable and safe on any thread.
 */
public final class RequestParser {
  private static final int MODEL_CHARS = 256;
  private static final int MOST_LOGPROBS = 20;

  /** What is not served of text completions, and fields of chats, which have no meaning there. */
  private static final List<String> NOT_OF_TEXTS =
      List.of("max_completion_tokens", "top_logprobs", "messages", "tools", "functions");

  private final RequestLimits limits;
  private final SamplingDefaults sampling;
  private final JsonBody json;

  public RequestParser(RequestLimits limits) {
    this(limits, SamplingDefaults.OF_THE_API);
  }

  public RequestParser(RequestLimits limits, SamplingDefaults sampling) {
    this.limits = limits;
    this.sampling = sampling;
    this.json = new JsonBody(limits);
  }

  /**
   * The body of {@code POST /v1/chat/completions}.
   *
   * @throws ApiException naming the field
   */
  public ChatCompletionRequest parseChat(byte[] body) {
    ObjectNode raw = json.read(body);
    return new ChatReader(JsonFields.root(raw), limits, json).read(sampling);
  }

  /**
   * The body of {@code POST /v1/completions}.
   *
   * @throws ApiException naming the field
   */
  public TextCompletionRequest parseText(byte[] body) {
    ObjectNode raw = json.read(body);
    JsonFields fields = JsonFields.root(raw);
    String model = model(fields);
    List<Prompt> prompts = prompts(fields);
    boolean echo = fields.bool("echo", false);
    String suffix = suffix(fields, echo);
    NOT_OF_TEXTS.forEach(name -> OptionsReader.refuse(fields, name));
    Integer maxTokens = OptionsReader.maxTokens(fields, "max_tokens", echo ? 0 : 1);
    int logprobs = fields.integer("logprobs", 0, MOST_LOGPROBS, -1);
    GenerationOptions options = OptionsReader.read(fields, sampling, maxTokens, logprobs);
    requireChoices(prompts.size(), options);
    return new TextCompletionRequest(
        model, prompts, suffix, TextReading.read(fields), echo, options, raw);
  }

  /** An empty one says nothing of what comes behind the answer. */
  private static @Nullable String suffix(JsonFields fields, boolean echo) {
    String suffix = fields.string("suffix", 0, Integer.MAX_VALUE);
    if (suffix == null || suffix.isEmpty()) {
      return null;
    }
    if (echo) {
      throw JsonFields.invalid("suffix", "cannot be combined with echo");
    }
    return suffix;
  }

  /**
   * The body of {@code POST /tokenize}.
   *
   * @throws ApiException naming the field
   */
  public TokenizeRequest parseTokenize(byte[] body) {
    JsonFields fields = JsonFields.root(json.read(body));
    String model = model(fields);
    return new TokenizeRequest(
        model, source(fields), TextReading.read(fields), fields.bool("return_token_strs", false));
  }

  private TokenizeRequest.Source source(JsonFields fields) {
    if (!fields.has("messages")) {
      String text = fields.requiredString("prompt", 0, Integer.MAX_VALUE);
      return new TokenizeRequest.Text(text);
    }
    if (fields.has("prompt")) {
      throw JsonFields.invalid("messages", "must not be given beside prompt");
    }
    return new TokenizeRequest.Chat(new ChatReader(fields, limits, json).conversation());
  }

  /**
   * The body of {@code POST /detokenize}.
   *
   * @throws ApiException naming the field
   */
  public DetokenizeRequest parseDetokenize(byte[] body) {
    JsonFields fields = JsonFields.root(json.read(body));
    String model = model(fields);
    ArrayNode tokens = JsonFields.array(fields.required("tokens"), "tokens", limits.promptTokens());
    return new DetokenizeRequest(model, ids(tokens, "tokens"));
  }

  /**
   * The body of {@code POST /v1/embeddings}.
   *
   * @throws ApiException naming the field
   */
  public EmbeddingRequest parseEmbedding(byte[] body) {
    return new VectorReader(JsonFields.root(json.read(body)), limits).embedding();
  }

  /**
   * The body of {@code POST /v1/rerank}.
   *
   * @throws ApiException naming the field
   */
  public RerankRequest parseRerank(byte[] body) {
    return new VectorReader(JsonFields.root(json.read(body)), limits).rerank();
  }

  static String model(JsonFields fields) {
    return fields.requiredString("model", 1, MODEL_CHARS);
  }

  private void requireChoices(int prompts, GenerationOptions options) {
    if (prompts * options.n() > limits.prompts()) {
      throw JsonFields.invalid(
          "n", "times the number of prompts must be at most " + limits.prompts());
    }
  }

  private List<Prompt> prompts(JsonFields fields) {
    JsonNode prompt = fields.required("prompt");
    if (prompt.isTextual()) {
      return List.of(textPrompt(prompt, "prompt"));
    }
    if (!(prompt instanceof ArrayNode array)) {
      throw JsonFields.wrongType("prompt", "a string or an array", prompt);
    }
    if (array.isEmpty()) {
      throw JsonFields.invalid("prompt", "must not be empty");
    }
    if (array.get(0).isNumber()) {
      return List.of(new TokenPrompt(tokens(array, "prompt", limits.promptTokens())));
    }
    return promptList(array);
  }

  /** All strings or all lists of token ids, as the first element is. */
  private List<Prompt> promptList(ArrayNode array) {
    JsonFields.array(array, "prompt", limits.prompts());
    boolean texts = array.get(0).isTextual();
    List<Prompt> prompts = new ArrayList<>(array.size());
    int room = limits.promptTokens();
    for (int i = 0; i < array.size(); i++) {
      String path = "prompt[" + i + "]";
      if (texts) {
        prompts.add(textPrompt(array.get(i), path));
      } else {
        int[] tokens = tokens(array.get(i), path, room);
        room -= tokens.length;
        prompts.add(new TokenPrompt(tokens));
      }
    }
    return prompts;
  }

  private static Prompt textPrompt(JsonNode value, String path) {
    return new TextPrompt(JsonFields.string(value, path, 0, Integer.MAX_VALUE));
  }

  private int[] tokens(JsonNode value, String path, int room) {
    if (!(value instanceof ArrayNode array)) {
      throw JsonFields.wrongType(path, "a string or an array of token ids", value);
    }
    if (array.isEmpty()) {
      throw JsonFields.invalid(path, "must not be empty");
    }
    if (array.size() > room) {
      throw JsonFields.invalid(
          "prompt", "must have at most " + limits.promptTokens() + " token ids in all");
    }
    return ids(array, path);
  }

  static int[] ids(ArrayNode array, String path) {
    int[] tokens = new int[array.size()];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = JsonFields.integer(array.get(i), path + "[" + i + "]", 0, Integer.MAX_VALUE);
    }
    return tokens;
  }
}
