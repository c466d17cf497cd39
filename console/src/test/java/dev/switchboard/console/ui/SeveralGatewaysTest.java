package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.treegrid.TreeGrid;
import dev.switchboard.console.action.Changes;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.fleet.FleetNode;
import dev.switchboard.console.fleet.FleetView;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.playground.PlaygroundPresenter;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One console before two gateways, of which one is lost after it was seen. */
class SeveralGatewaysTest extends ConsoleViewTest {
  @TempDir private static Path folder;
  private static FakeGateway east;
  private static Gateways both;

  @BeforeAll
  static void loseOne() throws IOException {
    east = new FakeGateway();
    FakeGateway west = new FakeGateway();
    Clock clock = Clock.systemUTC();
    both =
        Gateways.start(
            List.of(east.address("east"), west.address("west")), FakeGateway.KEYS, folder, clock);
    Await.until(() -> both.all().stream().allMatch(g -> g.snapshot().reached()));
    west.close();
    Await.until(() -> !find("west").snapshot().reached());
    Services.install(new Services(both, signIn, Changes.checked(), clock, "test", null));
  }

  @AfterAll
  static void stopBoth() {
    both.close();
    east.close();
  }

  private static LiveGateway find(String name) {
    return both.find(name).orElseThrow();
  }

  @BeforeEach
  void signIn() {
    as(Role.VIEWER);
  }

  @Test
  void theFrameSaysOfEachHowItIs() {
    go("audit");

    List<String> badges =
        find(Badge.class).all().stream().map(b -> b.getElement().getTextRecursively()).toList();
    assertTrue(badges.contains("east · live"), badges.toString());
    assertTrue(
        badges.stream().anyMatch(b -> b.startsWith("west · last seen ") && b.endsWith(" ago")),
        badges.toString());
  }

  @Test
  void theFleetKeepsWhatTheLostOneTold() {
    navigate(FleetView.class);

    assertTrue(
        text().contains("2 gateways, 1 model, 14 replicas, 6 ready; 1 gateway not reached"),
        text());
    @SuppressWarnings("unchecked")
    TreeGrid<FleetNode> tree = find(TreeGrid.class).single();
    assertTrue(tree.getTreeData().contains(new FleetNode("east", "switchboard-demo", "w0", "")));
    assertTrue(tree.getTreeData().contains(new FleetNode("west", "switchboard-demo", "w0", "")));
  }

  @Test
  void aViewOfOneIsOfThatOfItsAddress() {
    go("models", "gateway=west");

    ComboBox<?> choice =
        find(ComboBox.class)
            .withCondition(box -> box.getAriaLabel().toString().contains("[Gateway]"))
            .single();
    assertEquals("west", choice.getValue());
    assertEquals(List.of("east", "west"), choice.getListDataView().getItems().toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"models", "audit", "requests", "slos"})
  void aGatewayThatIsNotConfiguredIsNotFound(String view) {
    go(view, "gateway=north");

    assertInstanceOf(NotFoundView.class, getCurrentView());
  }

  @Test
  void onlyTheGatewayOfTheAddressIsAsked() {
    east.forget();
    go("audit", "gateway=west");
    assertTrue(text().contains("The audit log cannot be read"), text());
    assertFalse(east.calls().stream().anyMatch(c -> c.path().startsWith("/admin/v1/audit")));

    go("audit", "gateway=east");

    assertTrue(east.calls().stream().anyMatch(c -> c.path().startsWith("/admin/v1/audit")));
  }

  @Test
  void aKeyIsOfTheGatewayThatItWasEnteredFor() {
    as(Role.OPERATOR);
    go("playground", "gateway=east");
    find(PasswordField.class).single().setValue("sb-key-of-east");
    go("playground", "gateway=east");
    assertEquals("sb-key-of-east", find(PasswordField.class).single().getValue());

    go("playground", "gateway=west");

    assertEquals("", find(PasswordField.class).single().getValue());
  }

  @Test
  void aModelThatTheOtherGatewayDoesNotHaveIsNotAskedForThere() {
    east.say(
        "GET /admin/v1/splits", 200, "{\"splits\": [{\"name\": \"of-east\", \"targets\": []}]}");
    as(Role.OPERATOR);
    Await.until(() -> told("east").contains("of-east") && !told("west").isEmpty());
    go("playground", "gateway=east");
    model().setValue("of-east");
    go("playground", "gateway=east");
    assertEquals("of-east", model().getValue());

    go("playground", "gateway=west");

    assertEquals("switchboard-demo", model().getValue());
  }

  /** The models and names of a gateway, once it has answered or cannot. */
  private static List<String> told(String gateway) {
    var names = find(gateway).sharedList("/admin/v1/splits", "splits");
    return names.answer() == null && names.why() == null
        ? List.of()
        : new PlaygroundPresenter(find(gateway), Clock.systemUTC()).models();
  }

  @SuppressWarnings("unchecked")
  private ComboBox<String> model() {
    return find(ComboBox.class).withLabel("Model").single();
  }

  private static String address() {
    return UI.getCurrent().getInternals().getActiveViewLocation().getPathWithQueryParameters();
  }

  /** Whoever is sent the address sees the same gateway, also where somebody else comes from. */
  @ParameterizedTest
  @ValueSource(strings = {"audit", "models", "requests", "slos", "tenants", "system", "drills"})
  void theAddressHasTheGatewayThatIsShown(String view) {
    go(view);
    assertEquals(view + "?gateway=east", address());
    go(view, "gateway=west");

    go(view);

    assertEquals(view + "?gateway=west", address());
  }
}
