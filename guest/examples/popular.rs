//! A whole module in Rust with nothing but the standard library: it recommends
//! what most users have. page.md beside this file says how to build it.

/// The imports; ABI.md says what each does.
mod host {
    #[link(wasm_import_module = "rechost")]
    extern "C" {
        pub fn config_size() -> u32;
        pub fn config_read(to: *mut u8);
        pub fn describe(json: *const u8, len: usize);
        pub fn plan(json: *const u8, len: usize);
        pub fn input_open(name: *const u8, len: usize) -> i32;
        pub fn input_info(handle: i32, to: *mut Info);
        pub fn input_read(handle: i32, first: i64, n: i64, to: *mut u8);
        pub fn output_write(name: *const u8, len: usize, data: *const u8, bytes: usize);
        pub fn progress(done: i64, total: i64);
        pub fn fail(text: *const u8, len: usize) -> !;
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct Info {
        pub dtype: u64,
        pub rows: u64,
        pub width: u64,
        pub elements: u64,
    }
}

fn fail(text: &str) -> ! {
    unsafe { host::fail(text.as_ptr(), text.len()) }
}

/// Element types, with the host's codes for them.
trait Element: Copy + Default {
    const CODE: u64;
}
impl Element for u32 {
    const CODE: u64 = 1;
}
impl Element for u64 {
    const CODE: u64 = 3;
}
impl Element for f32 {
    const CODE: u64 = 5;
}

/// All elements of an input, or None where the stage has none of that name.
fn input<T: Element>(name: &str) -> Option<Vec<T>> {
    unsafe {
        let handle = host::input_open(name.as_ptr(), name.len());
        if handle < 0 {
            return None;
        }
        let mut info = host::Info::default();
        host::input_info(handle, &mut info);
        if info.dtype != T::CODE {
            fail(&format!("{} is of another type", name));
        }
        let mut v = vec![T::default(); info.elements as usize];
        host::input_read(handle, 0, info.elements as i64, v.as_mut_ptr() as *mut u8);
        Some(v)
    }
}

fn required<T: Element>(name: &str) -> Vec<T> {
    input(name).unwrap_or_else(|| fail(&format!("{} is missing", name)))
}

fn write<T: Element>(name: &str, v: &[T]) {
    unsafe { host::output_write(name.as_ptr(), name.len(), v.as_ptr() as *const u8, std::mem::size_of_val(v)) }
}

fn config() -> String {
    unsafe {
        let mut b = vec![0; host::config_size() as usize];
        host::config_read(b.as_mut_ptr());
        String::from_utf8(b).unwrap()
    }
}

/// The value of a key of the configuration, as it stands there. A module with
/// parameters of text needs a JSON reader; this one has none.
fn value<'a>(config: &'a str, key: &str) -> Option<&'a str> {
    let key = format!("\"{}\"", key);
    let rest = config[config.find(&key)? + key.len()..].trim_start_matches(&[' ', ':'][..]);
    rest.split(&[',', '}'][..]).next()
}

#[no_mangle]
pub extern "C" fn rechost_abi() -> i32 {
    1
}

#[no_mangle]
pub extern "C" fn rechost_describe() -> i32 {
    let d = r#"{"name": "popular_rust", "version": "1.0.0", "summary": "what most users have", "parameters": []}"#;
    unsafe { host::describe(d.as_ptr(), d.len()) }
    0
}

#[no_mangle]
pub extern "C" fn rechost_plan() -> i32 {
    let c = config();
    let only = match value(&c, "candidates") {
        Some("\"each\"") => r#"{"frame": "candidates", "arrays": ["item"], "bind": "aligned"},"#,
        Some(_) => r#"{"frame": "candidates", "arrays": ["item"], "bind": "whole"},"#,
        None => "",
    };
    let p = [
        r#"{"steps": [
          {"stage": {"name": "count", "over": "items",
            "inputs": [{"frame": "by_item", "arrays": ["offsets"], "bind": "aligned"}],
            "outputs": [{"frame": "counts", "arrays": [{"name": "users", "dtype": "f32"}]}]}},
          {"stage": {"name": "recommend", "over": "targets",
            "inputs": [{"frame": "targets", "arrays": ["item"], "bind": "aligned"},"#,
        only,
        r#"{"frame": "counts", "bind": "whole"}],
            "outputs": [{"frame": "recommendations", "arrays": [
              {"name": "item", "dtype": "u32", "per": "entry"}, {"name": "score", "dtype": "f32", "per": "entry"}]}]}}]}"#,
    ]
    .concat();
    unsafe { host::plan(p.as_ptr(), p.len()) }
    0
}

#[no_mangle]
pub extern "C" fn rechost_run(stage: i32) -> i32 {
    // Without this a panic is a bare trap: wasm32-unknown-unknown has no stderr.
    std::panic::set_hook(Box::new(|p| fail(&p.to_string())));
    match stage {
        0 => count(),
        _ => recommend(),
    }
    0
}

/// Over items: how many users each has.
fn count() {
    let offsets = required::<u64>("by_item.offsets");
    let users: Vec<f32> = offsets.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
    write("counts.users", &users);
}

/// Row r of a frame whose offsets are those of the whole frame.
fn row<'a>(offsets: &[u64], entries: &'a [u32], r: usize) -> &'a [u32] {
    &entries[(offsets[r] - offsets[0]) as usize..(offsets[r + 1] - offsets[0]) as usize]
}

/// Over targets: a walk down the ranking for each, past what may not be listed.
fn recommend() {
    let c = config();
    let top: usize = value(&c, "top").and_then(|v| v.trim().parse().ok()).unwrap_or_else(|| fail("no top"));
    let keep = value(&c, "keep_seen").map(str::trim) == Some("true");
    let each = value(&c, "candidates") == Some("\"each\"");
    let (offsets, own) = (required::<u64>("targets.offsets"), required::<u32>("targets.item"));
    let only = input::<u64>("candidates.offsets").map(|o| (o, required::<u32>("candidates.item")));
    let users = required::<f32>("counts.users");
    let mut order: Vec<u32> = (0..users.len() as u32).collect();
    // Stable: equal items stay in their order.
    order.sort_by(|a, b| users[*b as usize].total_cmp(&users[*a as usize]));

    let rows = offsets.len() - 1;
    let (mut items, mut scores, mut ends) = (Vec::<u32>::new(), Vec::<f32>::new(), vec![0u64]);
    for r in 0..rows {
        let seen = if keep { &[][..] } else { row(&offsets, &own, r) };
        let allowed = only.as_ref().map(|(o, e)| row(o, e, if each { r } else { 0 }));
        // Both are in rising order.
        let fits = |i: &&u32| seen.binary_search(*i).is_err() && allowed.map_or(true, |a| a.binary_search(*i).is_ok());
        for i in order.iter().filter(fits).take(top) {
            items.push(*i);
            scores.push(users[*i as usize]);
        }
        ends.push(items.len() as u64);
        unsafe { host::progress(r as i64 + 1, rows as i64) }
    }
    write("recommendations.offsets", &ends);
    write("recommendations.item", &items);
    write("recommendations.score", &scores);
}
