use super::*;

#[test]
fn each_mistake_about_disks_has_its_line() {
    for (text, line) in [
        (
            "'a.img,redonly'",
            "disk = \"a.img,redonly\": unknown key redonly; did you mean readonly?",
        ),
        (
            "'readonly=on'",
            "disk = \"readonly=on\": no file; name the image first",
        ),
        (
            "'a,serial=a b'",
            "disk = \"a,serial=a b\": serial = \"a b\": a serial number is 1 to 20 letters, digits, '-', '_' and '.'",
        ),
        (
            "'a,bus=scsi'",
            "disk = \"a,bus=scsi\": bus = \"scsi\": there are virtio and ide",
        ),
        (
            "7",
            "disk = 7 is a whole number; write a string in quotes, or a list of them",
        ),
        (
            "['a', 7]",
            "disk = 7 is a whole number; write a string in quotes, or a list of them",
        ),
        (
            "'a,readonly,snapshot'",
            "a disk is readonly or a snapshot; leave out one of them",
        ),
        (
            "['a', 'b', 'c', 'd', 'e']",
            "a machine has up to 4 disks; leave out some",
        ),
    ] {
        let said = error(&format!("[[vm]]\ndisk = {text}"));
        let (_, said) = said.split_once(": ").unwrap();
        assert_eq!(said, line);
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.img");
    std::fs::write(&image, [0; 512]).unwrap();
    let disk = |more| format!("[[vm]]\nname = 'x'\ndisk = '{}{more}'\n", image.display());
    for others in [disk(""), disk(",snapshot")] {
        let said = error(&(others + "[[vm]]\ndisk = '" + image.to_str().unwrap() + "'"));
        assert!(said.contains("is a disk that is written, but "), "{said}");
    }
    let many = disk(",snapshot") + "count = 3\nlimit = 1";
    assert!(
        parse(&many).unwrap().machines[0]
            .machines(&mut Files::default())
            .is_ok()
    );
}

#[test]
fn copies_have_disks_of_their_own() {
    let settings = &parse("[[vm]]\ncount = 2\ndisk = 'd{n}.img'")
        .unwrap()
        .machines[0];
    let machines = settings.machines(&mut Files::default()).unwrap();
    let paths = machines.iter().map(|machine| machine.disks[0].path.clone());
    assert_eq!(
        paths.collect::<Vec<_>>(),
        [PathBuf::from("/there/d1.img"), "/there/d2.img".into()]
    );
}
