use super::*;

#[test]
fn each_mistake_about_networks_has_its_line() {
    for (text, line) in [
        (
            "'usr'",
            "net = \"usr\": unknown key usr; did you mean user?",
        ),
        (
            "'mac=52:54:00:00:00:01'",
            "net = \"mac=52:54:00:00:00:01\": say what it is connected to: user, subnet=NAME or tap=NAME",
        ),
        (
            "'user,subnet=lan'",
            "net = \"user,subnet=lan\": is user, a subnet or a tap device; leave the others out",
        ),
        (
            "'tap=tap0,subnet=lan'",
            "net = \"tap=tap0,subnet=lan\": is user, a subnet or a tap device; leave the others out",
        ),
        (
            "'subnet=lan,hostfwd=tcp::1-:2'",
            "net = \"subnet=lan,hostfwd=tcp::1-:2\": hostfwd is for user; leave it out",
        ),
        (
            "'user,mac=ff:ff:ff:ff:ff:ff'",
            "net = \"user,mac=ff:ff:ff:ff:ff:ff\": mac = \"ff:ff:ff:ff:ff:ff\": an address is that of one port, such as 52:54:00:12:34:56",
        ),
        (
            "'user,hostfwd=22'",
            "hostfwd = \"22\": write tcp:[ADDRESS]:PORT-[GUEST]:PORT, such as tcp::2222-:22 for the guest's port 22 at 127.0.0.1:2222",
        ),
        (
            "['user', 'user', 'user', 'user', 'user']",
            "a machine has up to 4 network ports; leave out some",
        ),
    ] {
        let said = error(&format!("[[vm]]\nnet = {text}"));
        let (_, said) = said.split_once(": ").unwrap();
        assert_eq!(said, line);
    }
    let folder = tempfile::tempdir().unwrap();
    let captured = format!("net = 'user,pcap={}/a.pcap'\n", folder.path().display());
    let said = error(&format!("[[vm]]\nname = 'x'\n{captured}[[vm]]\n{captured}"));
    assert!(said.contains("a packet capture"), "{said}");
}

#[test]
fn copies_have_ports_of_their_own() {
    let text = "[[vm]]\ncount = 2\nnet = ['user,hostfwd=tcp::222{n}-:22,hostfwd=tcp::80{n}-:80', \
                'subnet=lan,mac=52:54:00:00:00:ff']";
    let settings = &parse(text).unwrap().machines[0];
    let machines = settings.machines(&mut Files::default()).unwrap();
    let shown = machines.iter().map(|machine| {
        let ports = machine.networks.iter();
        ports
            .map(|port| format!("{} {}", port.kind, port.mac))
            .collect::<Vec<_>>()
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            [
                "user,hostfwd=tcp:127.0.0.1:2221-10.0.2.15:22,hostfwd=tcp:127.0.0.1:801-10.0.2.15:80 \
                 52:54:00:12:34:56",
                "subnet=lan 52:54:00:00:00:ff",
            ],
            [
                "user,hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22,hostfwd=tcp:127.0.0.1:802-10.0.2.15:80 \
                 52:54:00:12:34:57",
                "subnet=lan 52:54:00:00:01:00",
            ],
        ]
    );
}

/// An idle guest waits for what may come, in the host's time, whatever else would end the run soon.
#[test]
fn a_network_takes_time() {
    use crate::console::Pace;
    for (text, pace) in [
        ("limit = 1", Pace::Scripted),
        ("limit = 1\nnet = 'user'", Pace::Waiting),
        ("fast-forward = true\nnet = 'user'", Pace::Forward),
    ] {
        let settings = &parse(&format!("[[vm]]\n{text}")).unwrap().machines[0];
        let machine = settings.machine(&mut Files::default()).unwrap();
        assert_eq!(machine.pace, pace, "{text}");
    }
}
