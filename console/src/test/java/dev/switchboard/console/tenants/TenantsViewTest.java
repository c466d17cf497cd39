package dev.switchboard.console.tenants;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Pre;
import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.component.textfield.TextField;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.Services;
import dev.switchboard.testing.Await;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class TenantsViewTest extends ConsoleViewTest {
  private static final String SECRET = "sb-0123456789012345678901234567890123456789abc";

  @BeforeAll
  static void fill() {
    Instant hour = Instant.now().truncatedTo(ChronoUnit.HOURS);
    fake.say(
        "GET /admin/v1/tenants",
        200,
        """
        {"tenants": [{"version": "v7", "name": "acme", "weight": 2, "requests_per_minute": 100,
          "tokens_per_minute": 0, "max_concurrency": 8, "tokens_per_day": 1000, "tokens_per_month": 0,
          "max_priority": 100, "trace_content_bytes": 0}]}\
        """);
    fake.say(
        "GET /admin/v1/keys",
        200,
        """
        {"keys": [{"id": "key-1", "name": "<img src=x onerror=alert(1)>", "tenant": "acme",
          "role": "app", "created_at": "%s", "expires_at": null, "beginning": "sb-abc",
          "created_by": "root", "delegate": false, "version": "k3", "last_used": null}]}\
        """
            .formatted(hour));
    fake.say(
        "GET /admin/v1/usage",
        200,
        """
        {"usage": [
          {"tenant": "acme", "hour": "%s", "requests": 3, "prompt_tokens": 50, "cached_tokens": 25, "output_tokens": 10},
          {"tenant": "acme", "hour": "%s", "requests": 2, "prompt_tokens": 50, "cached_tokens": 25, "output_tokens": 5},
          {"tenant": "guest", "hour": "%s", "requests": 1, "prompt_tokens": 9, "cached_tokens": 0, "output_tokens": 1}]}\
        """
            .formatted(hour.minus(1, ChronoUnit.HOURS), hour, hour));
    fake.say(
        "GET /admin/v1/tenants/acme/now",
        200,
        """
        {"name": "acme", "at": "%s", "over": "this_gateway",
          "requests_per_minute": {"limit": 100, "used": 90, "left": 10, "renewed_at": "%s"},
          "tokens_per_minute": null, "concurrency": {"limit": 8, "used": 2, "left": 6},
          "tokens_per_day": {"limit": 1000, "used": 115, "held": 0, "left": 885, "renewed_at": "%s"},
          "tokens_per_month": null}\
        """
            .formatted(hour, hour, hour));
    fake.say(
        "POST /admin/v1/keys",
        201,
        "{\"id\": \"key-2\", \"name\": \"web\", \"key\": \"" + SECRET + "\"}");
  }

  private static TenantsPresenter presenter() {
    TenantsPresenter presenter = new TenantsPresenter(gateway(), Clock.systemUTC());
    Await.until(
        () ->
            presenter.asked()
                && presenter.tenants().size() == 2
                && presenter.tenants().getFirst().now() != null);
    return presenter;
  }

  private static TenantRow acme() {
    return presenter().tenants().getFirst();
  }

  static Stream<Arguments> changesByRole() {
    TenantsPresenter presenter = presenter();
    TenantRow acme = acme();
    KeyRow key = presenter.keys().getFirst();
    return Stream.of(
            Map.entry(
                presenter.set("acme", acme, Map.of(Limit.CONCURRENCY, 4.0)),
                "PUT /admin/v1/tenants/acme v7"),
            Map.entry(presenter.set("new", null, Map.of()), "PUT /admin/v1/tenants/new none"),
            Map.entry(presenter.forget(acme), "DELETE /admin/v1/tenants/acme v7"),
            Map.entry(
                presenter.create("web", "acme", "app", Duration.ofDays(1), false),
                "POST /admin/v1/keys "),
            Map.entry(
                presenter.rotate(key, Duration.ofHours(1)), "POST /admin/v1/keys/key-1/rotate k3"),
            Map.entry(presenter.revoke(key), "DELETE /admin/v1/keys/key-1 "))
        .flatMap(
            each ->
                Stream.of(Role.values())
                    .map(role -> Arguments.of(each.getKey(), each.getValue(), role)));
  }

  @ParameterizedTest
  @MethodSource("changesByRole")
  void onlyAdminsChangeTenantsAndKeys(Change change, String route, Role role) {
    Result result = Services.get().changes().run(gateway(), change, person(role), "a test");

    List<FakeGateway.Call> calls = fake.changes();
    if (role == Role.ADMIN) {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call call = calls.getFirst();
      String version = call.headers().getOrDefault("if-match", "");
      assertEquals(route, call.method() + " " + call.path() + " " + version);
      assertEquals("Bearer admin", call.headers().get("authorization"));
    } else {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), calls);
    }
  }

  @Test
  void useIsSummedByTenantAndHour() {
    TenantRow acme = acme();

    assertEquals(5, acme.requests());
    assertEquals(100, acme.promptTokens());
    assertEquals(15, acme.outputTokens());
    assertEquals(60L, acme.tokens().get(TenantsPresenter.HOURS - 2));
    assertEquals(55L, acme.tokens().getLast());
    assertEquals("acme", presenter().largest().getFirst().name());
  }

  @Test
  void theLimitThatIsNearestComesFirst() {
    TenantRow.Now now = java.util.Objects.requireNonNull(acme().now());

    assertEquals("requests/min", now.uses().getFirst().title());
    assertEquals(0.9, now.uses().getFirst().share(), 1e-9);
    assertEquals(2, now.atOnce());
  }

  @Test
  void whatTheGatewayDoesNotTellIsLeftOut() {
    assertNull(presenter().tenants().getLast().now());
  }

  @Test
  void aChangeOfLimitsSaysWhatIsAnotherOne() {
    Map<Limit, Double> wanted = new java.util.EnumMap<>(acme().limits());
    wanted.put(Limit.REQUESTS_PER_MINUTE, 0.0);
    wanted.put(Limit.TOKENS_PER_DAY, 25_000.0);

    List<String> effects = presenter().set("acme", acme(), wanted).effects();

    assertEquals("Requests per minute: 100 → no limit", effects.get(0));
    assertEquals("Tokens per day: 1,000 → 25,000", effects.get(1));
    assertEquals(3, effects.size());
    assertEquals(
        List.of("Nothing changes"), presenter().set("acme", acme(), acme().limits()).effects());
  }

  @Test
  void namesStayText() {
    as(Role.VIEWER);
    presenter();
    TenantsView view = navigate(TenantsView.class);

    assertEquals(2, find(Grid.class, view).all().size());
    assertTrue(text().contains("2 tenants, 1 with limits, 1 key"), text());
    assertEquals(
        "<img src=x onerror=alert(1)>",
        ((KeyRow) find(Grid.class, view).last().getGenericDataView().getItem(0)).name());
  }

  @Test
  void viewersSeeButCannotPress() {
    as(Role.VIEWER);
    navigate(TenantsView.class);

    assertFalse(find(Button.class).withText("Create key").single().isEnabled());
    assertFalse(find(Button.class).withText("Set limits").single().isEnabled());
  }

  @Test
  void aNewKeyIsShownOnce() {
    as(Role.ADMIN);
    presenter();
    navigate(TenantsView.class);
    test(find(Button.class).withText("Create key").single()).click();
    Dialog dialog = find(Dialog.class).single();
    test(find(TextField.class, dialog).withLabel("Name").single()).setValue("web");
    test(find(TextArea.class, dialog).single()).setValue("for the web");
    test(find(Button.class, dialog).withText("Create key").single()).click();

    Dialog secret = find(Dialog.class).single();
    Pre shown = find(Pre.class, secret).single();
    assertEquals(SECRET, shown.getText());
    test(find(Button.class, secret).withText("Done").single()).click();

    assertEquals("", shown.getText());
    assertFalse(text().contains(SECRET));
    FakeGateway.Call call = fake.changes().getFirst();
    assertTrue(call.body().contains("\"expires_in_seconds\":7776000"), call.body());
  }

  @Test
  void withoutAReasonNothingIsAsked() {
    as(Role.ADMIN);
    navigate(TenantsView.class);
    test(find(Button.class).withText("Create key").single()).click();
    Dialog dialog = find(Dialog.class).single();

    test(find(Button.class, dialog).withText("Create key").single()).click();

    assertEquals(List.of(), fake.changes());
    assertTrue(find(TextArea.class, dialog).single().isInvalid());
  }

  @Test
  void aFailureIsSaidAndWhatWasToldStays() {
    as(Role.VIEWER);
    presenter();
    navigate(TenantsView.class);
    fake.say(
        "GET /admin/v1/usage",
        503,
        "{\"error\":{\"message\":\"no store\",\"code\":\"store_unavailable\"}}");
    TenantsPresenter presenter = new TenantsPresenter(gateway(), Clock.systemUTC());

    Await.until(() -> presenter.failure() != null);

    assertTrue(String.valueOf(presenter.failure()).contains("no store"));
    assertEquals(
        List.of("acme", "guest"), presenter.tenants().stream().map(TenantRow::name).toList());
    fill();
    Await.until(() -> presenter.failure() == null);
  }

  @Test
  void aGatewayThatCannotSayWhoItsTenantsAreHasNotNone() {
    as(Role.VIEWER);
    presenter();
    for (String path : List.of("tenants", "keys", "usage")) {
      fake.say("GET /admin/v1/" + path, 503, "{\"error\":{\"message\":\"no store\"}}");
    }
    TenantsPresenter presenter = new TenantsPresenter(gateway(), Clock.systemUTC());
    Await.until(() -> presenter.failure() != null);

    navigate(TenantsView.class);

    assertTrue(text().contains("no store"), text());
    assertTrue(text().contains("2 tenants, 1 with limits, 1 key"), text());
    assertFalse(text().contains("No tenant"), text());
    fill();
    Await.until(() -> presenter.failure() == null);
  }
}
