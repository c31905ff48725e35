//! stub
#![allow(missing_docs)]
use crate::{addr::Pa,clock::Nanos,device::Width};
pub struct MaltaConfig { pub big_endian: bool, pub rtc_base: u64, pub ram_bytes: u64 }
pub enum Request { PowerOff, Reset }
pub struct Uart; impl Uart { pub fn push_input(&mut self,_b:u8,_n:Nanos){} pub fn take_output(&mut self)->Vec<u8>{vec![]} }
pub struct Malta(Uart);
#[derive(Debug)] pub struct BusError;
impl Malta { pub fn new(_:&MaltaConfig)->Self{Malta(Uart)} pub fn read(&mut self,_:Pa,_:Width,_:Nanos)->Result<u32,BusError>{Ok(0)}
pub fn write(&mut self,_:Pa,_:Width,_:u32,_:Nanos)->Result<(),BusError>{Ok(())} pub fn lines(&self)->u8{0} pub fn deadline(&self)->Option<Nanos>{None} pub fn advance(&mut self,_:Nanos){} pub fn take_request(&mut self)->Option<Request>{None} pub fn has_request(&self)->bool{false} pub fn console(&mut self)->&mut Uart{&mut self.0} }
